import type { TSchema } from '@sinclair/typebox';
import type { StoredRef } from '../../work/inputs.ts';
import type { Operation } from '../../work/operation.ts';
import type { BytesAnswer, ResourceName, RouteText } from '../../work/routes.ts';
import { IdParamsSchema, jsonContent, RESPONSE_HEADERS } from './responses.ts';

/** What operations have routes on. */
export const RESOURCES = [
  { name: 'Image', type: 'image', path: '/images/:id' },
  { name: 'Artifact', type: 'artifact', path: '/artifacts/:id' },
] as const satisfies readonly { name: ResourceName; type: StoredRef['type']; path: string }[];

export type Resource = (typeof RESOURCES)[number];

const { etag, location, 'content-location': contentLocation, 'content-range': range } = RESPONSE_HEADERS;

/** What the document says of a route on a resource. */
export function describe(
  { operationId, summary, description }: RouteText,
  tag: string,
  { name, type }: Resource,
) {
  return {
    operationId: operationId(name),
    tags: [tag],
    summary: summary(type),
    description,
    params: IdParamsSchema,
  };
}

/** A shared schema by its name, any other as it is. */
export function bodySchema(schema: TSchema): object {
  return schema.$id === undefined ? schema : { $ref: `${schema.$id}#` };
}

/** The answers with an artifact of an operation. */
export function artifactResponses({ stores }: Operation): Record<number, object> {
  const content = jsonContent(`${titleOf(stores ?? '')}Artifact`);
  return {
    201: {
      description: 'The artifact, made now.',
      content,
      headers: { location, 'content-location': contentLocation },
    },
    200: {
      description: 'The artifact, which existed.',
      content,
      headers: { 'content-location': contentLocation },
    },
  };
}

/** The answer with all bytes. */
export function wholeResponse({ description, content }: BytesAnswer): Record<number, object> {
  return { 200: { description, content, headers: { etag, 'content-location': contentLocation } } };
}

/** The answers with bytes, to conditional and range requests, too. */
export function bytesResponses(bytes: BytesAnswer): Record<number, object> {
  return {
    ...wholeResponse(bytes),
    206: {
      description: 'The range of it that was asked for.',
      content: bytes.content,
      headers: { etag, 'content-range': range },
    },
    304: { type: 'null', description: 'The client has this (`If-None-Match`).', headers: { etag } },
  };
}

function titleOf(kind: string): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}
