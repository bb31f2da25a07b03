import { Type } from '@sinclair/typebox';
import { Uuid } from '../../core/schema.ts';

/** Path parameters of one resource. */
export const IdParamsSchema = Type.Object(
  { id: Uuid({ description: 'As returned by an upload, an operation or a list.' }) },
  { additionalProperties: false },
);

/** The `content` of a body of JSON with a shared schema. */
export function jsonContent(schema: string) {
  return { 'application/json': { schema: Type.Ref(schema) } };
}

/** A `response` entry that answers with a shared schema as JSON. */
export function jsonResponse(schema: string, description: string) {
  return { description, content: jsonContent(schema) };
}

/** The same for something that was created at a path of its own. */
export function createdResponse(schema: string, description: string) {
  return { ...jsonResponse(schema, description), headers: { location: RESPONSE_HEADERS.location } };
}

/** A `response` entry that answers with a page of a list. */
export function pageResponse(schema: string, description: string) {
  return { ...jsonResponse(schema, description), headers: { link: RESPONSE_HEADERS.link } };
}

/** Headers of answers, for the document. Those that are `required` are in every answer for which they are documented. */
export const RESPONSE_HEADERS = {
  etag: {
    type: 'string',
    required: true,
    description: 'Identifies these bytes: 64 hexadecimal digits in quotes. A strong validator.',
  },
  'content-range': {
    type: 'string',
    required: true,
    description: 'The range of these bytes: `bytes 0-99/829183`.',
  },
  'content-location': {
    type: 'string',
    required: true,
    description: 'The path at which this result can be requested again: the artifact, or a path below it.',
  },
  location: {
    type: 'string',
    required: true,
    description: 'The path of what the request was for, such as the artifact.',
  },
  link: {
    type: 'string',
    description: 'The next page, if there is one: `</images?cursor=…>; rel="next"`.',
  },
} as const;

/** A `response` entry without a body. */
export function emptyResponse(description: string) {
  return { type: 'null', description };
}

/**
 * For routes whose answers TypeScript checks: their schemas are only for the document. Serializing a union by its schema would
 * validate the value against each branch.
 */
export const plainJson = () => JSON.stringify;
