import { Type } from '@sinclair/typebox';
import { Uuid } from '../../core/schema.ts';

/** Path parameters of one resource. */
export const IdParamsSchema = Type.Object(
  { id: Uuid({ description: 'As an upload, an operation or a list gives it.' }) },
  { additionalProperties: false },
);

/** The `content` of a body that is JSON of a shared schema. */
export function jsonContent(schema: string) {
  return { 'application/json': { schema: Type.Ref(schema) } };
}

/** A `response` entry that answers with a shared schema as JSON. */
export function jsonResponse(schema: string, description: string) {
  return { description, content: jsonContent(schema) };
}

/** A `response` entry that answers with a page of a list. */
export function pageResponse(schema: string, description: string) {
  return { ...jsonResponse(schema, description), headers: { link: RESPONSE_HEADERS.link } };
}

/** Headers that answers have, for the document. */
export const RESPONSE_HEADERS = {
  etag: {
    type: 'string',
    description: 'Names these bytes: 64 hexadecimal digits in quotes. A strong validator.',
  },
  'content-range': { type: 'string', description: 'Which bytes these are: `bytes 0-99/829183`.' },
  'content-location': {
    type: 'string',
    description: 'Where the same is found again: the artifact, or a path below it.',
  },
  location: { type: 'string', description: 'Path of the artifact.' },
  link: {
    type: 'string',
    description: 'The next page, where there is one: `</images?cursor=…>; rel="next"`.',
  },
} as const;

/** A `response` entry without a body. */
export function emptyResponse(description: string) {
  return { type: 'null', description };
}

/**
 * For routes whose answers TypeScript checks: their schemas are for the document alone. Serializing one of several kinds of
 * object by schema would validate it against each.
 */
export const plainJson = () => JSON.stringify;
