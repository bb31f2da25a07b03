import { Type } from '@sinclair/typebox';
import { Uuid } from '../schema.ts';

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

/** A `response` entry without a body. */
export function emptyResponse(description: string) {
  return { type: 'null', description };
}
