import { Type } from '@sinclair/typebox';
import { Uuid } from '../schema.ts';

/** Path parameters of one resource. */
export const IdParamsSchema = Type.Object({ id: Uuid() }, { additionalProperties: false });

/** A `response` entry that answers with a shared schema as JSON. */
export function jsonResponse(schema: string, description: string) {
  return { description, content: { 'application/json': { schema: Type.Ref(schema) } } };
}

/** A `response` entry without a body. */
export function emptyResponse(description: string) {
  return { type: 'null', description };
}
