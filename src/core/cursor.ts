import { FormatRegistry, type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { parameterError } from './faults.ts';

/** A file name of 255 characters that take three bytes each, and what stands around it, in base64. */
export const MAX_CURSOR_LENGTH = 1200;

/** Parameters of every list. */
export const PageQuery = {
  limit: Type.Integer({
    minimum: 1,
    maximum: 500,
    default: 50,
    description: 'Most items in the answer.',
  }),
  cursor: Type.Optional(
    Type.String({
      maxLength: MAX_CURSOR_LENGTH,
      description: 'Where to go on: `next_cursor` of the answer before.',
    }),
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

/** `new Date` takes 30 February for 2 March, so that only what it writes again is a time. PostgreSQL has no year 0. */
FormatRegistry.Set('cursor-time', (text) => {
  const time = /^[1-9]\d{3}-/.test(text) ? new Date(text) : undefined;
  return time !== undefined && !Number.isNaN(time.getTime()) && time.toISOString() === text;
});
/** As PostgreSQL holds it. */
FormatRegistry.Set('cursor-text', (text) => text.isWellFormed() && !text.includes('\0'));

/** Parts of cursors: what a list can have written of a time, an id, a text and a whole number of 64 bits. */
export const CursorTime = Type.String({ format: 'cursor-time' });
export const CursorId = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });
export const CursorText = Type.String({ format: 'cursor-text', maxLength: 255 });
export const CursorInteger = Type.String({ pattern: '^(0|[1-9]\\d{0,17})$' });

/** Encodes where a page ended, as an opaque text. */
export function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

export interface Page<Item> {
  items: Item[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/**
 * A page of rows that were read with a limit one higher than the page's own.
 *
 * @param positionOf what the cursor holds of the last row
 */
export function toPage<Row extends object>(
  rows: readonly Row[],
  limit: number,
  positionOf: (last: Row) => unknown,
): Page<Row> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: last && rows.length > limit ? encodeCursor(positionOf(last)) : null };
}

/**
 * Decodes a cursor and checks that it is one that a list of this kind can have given: of its shape, with values that exist,
 * and written as `encodeCursor` writes it.
 *
 * @throws AppError `validation_failed`
 */
export function decodeCursor<T extends TSchema>(cursor: string, schema: T): Static<T> {
  const position = parseJson(Buffer.from(cursor, 'base64url').toString());
  if (!Value.Check(schema, position) || encodeCursor(position) !== cursor) {
    const expected = 'a cursor of this list (next_cursor of the answer before, with the same sort)';
    throw parameterError('/cursor', expected, cursor);
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
