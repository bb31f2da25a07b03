import { FormatRegistry, type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { parameterError } from './faults.ts';
import { Nullable } from './schema.ts';

/** Enough for a file name of 255 characters of three bytes each, with the rest of the position, in base64. */
export const MAX_CURSOR_LENGTH = 1200;

/** Parameters of every list. */
export const PageQuery = {
  limit: Type.Integer({
    minimum: 1,
    maximum: 500,
    default: 50,
    description: 'Maximum number of items in the response.',
  }),
  cursor: Type.Optional(
    Type.String({
      maxLength: MAX_CURSOR_LENGTH,
      description: 'Where to continue: `next_cursor` of the previous page.',
    }),
  ),
};

/** What a list is asked for. */
export interface PageOptions {
  limit: number;
  cursor?: string;
}

/** A page of items, newest first unless sorted otherwise. */
export function PageOf(item: string, description: string) {
  return Type.Object(
    {
      items: Type.Array(Type.Ref(item)),
      next_cursor: Nullable('string', {
        description:
          'Pass it as `cursor` for the next page; null on the last one. The `Link` header has the whole URL.',
      }),
    },
    { $id: `${item}Page`, description },
  );
}

/** `new Date` reads 30 February as 2 March, so a time must also be written back alike. PostgreSQL has no year 0. */
FormatRegistry.Set('cursor-time', (text) => {
  const time = /^[1-9]\d{3}-/.test(text) ? new Date(text) : undefined;
  return time !== undefined && !Number.isNaN(time.getTime()) && time.toISOString() === text;
});
/** Text that PostgreSQL can store. */
FormatRegistry.Set('cursor-text', (text) => text.isWellFormed() && !text.includes('\0'));

/** Parts of cursors, as lists write them: a time, an id, a text and an integer of 64 bits. */
export const CursorTime = Type.String({ format: 'cursor-time' });
export const CursorId = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });
export const CursorText = Type.String({ format: 'cursor-text', maxLength: 255 });
export const CursorInteger = Type.String({ pattern: '^(0|[1-9]\\d{0,17})$' });

/** Encodes where a page ended, as opaque text. */
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
 * Decodes a cursor and checks that a list of this kind can have given it: its shape, its values, and that `encodeCursor`
 * writes it alike.
 *
 * @throws AppError `validation_failed`
 */
export function decodeCursor<T extends TSchema>(cursor: string, schema: T): Static<T> {
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Value.Check(schema, position) && encodeCursor(position) === cursor) return position;
  } catch {
    // Not JSON.
  }
  const expected = 'a cursor from this list (next_cursor of the previous page, with the same sort)';
  throw parameterError('/cursor', expected, cursor);
}

const TimePosition = Type.Tuple([CursorTime, CursorId]);

/**
 * Where a list that is sorted by time, newest first, continues: the time and id of the last row; nulls for the first page.
 *
 * @throws AppError `validation_failed`
 */
export function decodeTimeCursor(cursor: string | undefined): [time: string, id: string] | [null, null] {
  return cursor === undefined ? [null, null] : decodeCursor(cursor, TimePosition);
}

/** A page of such a list, from rows that were read with a limit one higher than the page's own. */
export function toTimePage<Row extends { createdAt: Date; id: string }>(
  rows: readonly Row[],
  limit: number,
): Page<Row> {
  return toPage(rows, limit, ({ createdAt, id }) => [createdAt.toISOString(), id]);
}
