import type { TSchema } from '@sinclair/typebox';
import type { StoredRef } from '../../work/inputs.ts';
import type { Operation } from '../../work/operation.ts';
import type { ArtifactPost, BytesAnswer, ResourceName, RouteText } from '../../work/routes.ts';
import { partialResponses } from './content.ts';
import { IdParamsSchema, jsonContent, RESPONSE_HEADERS } from './responses.ts';

/** The resources that have routes to operations. */
export const RESOURCES = [
  { name: 'Image', type: 'image', path: '/images/:id' },
  { name: 'Artifact', type: 'artifact', path: '/artifacts/:id' },
] as const satisfies readonly { name: ResourceName; type: StoredRef['type']; path: string }[];

export type Resource = (typeof RESOURCES)[number];

const { etag, location, 'content-location': contentLocation } = RESPONSE_HEADERS;

/** The documentation of a route on a resource. */
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

/** A reference to a shared schema, so that it keeps its name; other schemas unchanged. */
export function bodySchema(schema: TSchema): object {
  return schema.$id === undefined ? schema : { $ref: `${schema.$id}#` };
}

/** The `content` of an answer with the operation's artifact. */
export function artifactContent({ stores }: Operation) {
  const kind = (stores ?? '').replace(/^./, (letter) => letter.toUpperCase());
  return jsonContent(`${kind}Artifact`);
}

/** The `response` entries of a POST that answers with the operation's artifact. */
export function artifactResponses(operation: Operation, { headers }: ArtifactPost): Record<number, object> {
  const content = artifactContent(operation);
  return {
    201: {
      description: 'The new artifact.',
      content,
      headers: { location, 'content-location': contentLocation, ...headers },
    },
    200: {
      description: 'The artifact, which already existed.',
      content,
      headers: { 'content-location': contentLocation, ...headers },
    },
  };
}

/** The `response` entry for all bytes. */
export function wholeResponse(bytes: BytesAnswer): Record<number, object> {
  const { description, content } = bytes;
  return { 200: { description, content, headers: headersOf(bytes) } };
}

function headersOf({ headers }: BytesAnswer): object {
  return { etag, 'content-location': contentLocation, ...headers };
}

/** The `response` entries for bytes, with those for range and conditional requests. */
export function bytesResponses(bytes: BytesAnswer): Record<number, object> {
  return { ...wholeResponse(bytes), ...partialResponses(bytes.content, headersOf(bytes)) };
}
