import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parameterErrors, parameterFault } from '../faults.ts';

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 500;

/** Query parameters of every list. */
export const PageQuery = {
  limit: Type.Integer({
    minimum: 1,
    maximum: MAX_PAGE_SIZE,
    default: DEFAULT_PAGE_SIZE,
    description: 'Most items in the answer.',
  }),
  cursor: Type.Optional(
    Type.String({ maxLength: 1000, description: 'Where to go on: `next_cursor` of the answer before.' }),
  ),
};

/** A page of items, newest first unless sorted otherwise. */
export function PageOf(item: string, description: string) {
  return Type.Object(
    {
      items: Type.Array(Type.Ref(item)),
      next_cursor: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        description:
          'Pass it as `cursor` for the next page; null on the last one. The `Link` header has the whole URL.',
      }),
    },
    { $id: `${item}Page`, description },
  );
}

/** Parts of cursors: what PostgreSQL takes as a time, an id and a text. */
export const CursorTime = Type.RegExp(
  /^[1-9]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/,
);
export const CursorId = Type.RegExp(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
export const CursorText = Type.String({ maxLength: 255, pattern: '^[^\\u0000]*$' });

/** Encodes where a page ended, as an opaque text. */
export function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/**
 * Decodes a cursor and checks that it has the shape that this list's cursors have.
 *
 * @throws AppError `validation_failed`
 */
export function decodeCursor<T extends TSchema>(cursor: string, schema: T): Static<T> {
  const position = parseJson(Buffer.from(cursor, 'base64url').toString());
  if (!Value.Check(schema, position)) {
    const expected = 'a cursor of this list (next_cursor of the answer before, with the same sort)';
    throw parameterErrors([{ ...parameterFault('/cursor', expected, cursor), location: 'query' }]);
  }
  return position;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Says in a `Link` header (RFC 8288) where the next page is. */
export function linkNextPage(request: FastifyRequest, reply: FastifyReply, cursor: string): void {
  const [path = '/', query = ''] = request.url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  reply.header('link', `<${path}?${parameters}>; rel="next"`);
}
