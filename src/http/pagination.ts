import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';

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
    const message = 'is not a cursor of this list; use next_cursor of the answer before, with the same sort';
    throw new AppError('validation_failed', `cursor ${message}.`, {
      errors: [{ location: 'query', path: '/cursor', message }],
    });
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
