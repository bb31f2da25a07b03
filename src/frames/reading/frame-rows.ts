import type { Pool } from 'pg';
import { mismatch } from '../../core/faults.ts';
import { type BinaryRow, queryBinaryRow } from '../../db/binary-copy.ts';
import type { ValueRange } from '../rows/normalize.ts';
import { maskStride } from '../rows/null-mask.ts';
import type { FrameOrder, FrameSource } from './schemas.ts';

/** Rows of one frame set as they lie in the database, packed. */
export interface FrameRows {
  count: number;
  width: number;
  /** 8 bytes each, big-endian: see `idAt` and `depthAt`. */
  ids: Buffer;
  depths: Buffer;
  /** 4 bytes each, big-endian: the row's place in the file. */
  rows: Buffer;
  /** `count × width` grey levels. */
  pixels: Buffer;
  /** `count × maskStride(width)` bytes of bitmaps; null if no pixel is missing. */
  nulls: Buffer | null;
}

export function idAt({ ids }: Pick<FrameRows, 'ids'>, index: number): number {
  return ids.readUInt32BE(8 * index) * 2 ** 32 + ids.readUInt32BE(8 * index + 4);
}

export function depthAt({ depths }: Pick<FrameRows, 'depths'>, index: number): number {
  return depths.readDoubleBE(8 * index);
}

export function rowAt({ rows }: Pick<FrameRows, 'rows'>, index: number): number {
  return rows.readInt32BE(4 * index);
}

/** After which row of a frame set reading goes on: by depth and row, or in the file's order by id. */
export interface Position {
  depth: number;
  row: number;
  id: number;
}

/** Rows of one frame set in an order, within a range of depths. */
export interface RowQuery {
  frameSetId: string;
  order: FrameOrder;
  after: Position;
  depthMin: number;
  depthMax: number;
  /** Ids from and to which the frame set's lie. */
  lastId: number;
}

/** A double as PostgreSQL reads it back to the same. COPY takes no parameters. */
function float(value: number): string {
  return `'${value}'::float8`;
}

function uuid(value: string): string {
  if (!/^[0-9a-f-]{36}$/.test(value)) throw new TypeError(mismatch('', 'a UUID', value));
  return `'${value}'::uuid`;
}

/** The rows of a query as a condition and an order. Both orders are those of an index. */
export function rowConditions({ frameSetId, order, after, depthMin, depthMax, lastId }: RowQuery): string {
  const common = `frame_set_id = ${uuid(frameSetId)} AND depth <= ${float(depthMax)}`;
  return order === 'depth'
    ? `${common} AND (depth, row) > (${float(after.depth)}, ${after.row})`
    : `${common} AND depth >= ${float(depthMin)} AND id > ${after.id} AND id <= ${lastId}`;
}

/**
 * Makes PostgreSQL read rows in the order of their index. Left to itself, the planner may sort a whole frame set for each batch
 * until that set is analyzed, and a whole table for a small set in it.
 */
export const IN_INDEX_ORDER =
  'SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off';

export function rowOrder(order: FrameOrder): string {
  return order === 'depth' ? 'depth, row' : 'id';
}

/**
 * Reads up to `limit` rows in one short query, so that between two reads no connection is held. The database packs them:
 * each kind of field comes as one piece of memory, which is much faster to take apart than rows.
 */
export async function readFrameRows(
  pool: Pool,
  query: RowQuery,
  { source, width, limit }: { source: FrameSource; width: number; limit: number },
): Promise<FrameRows> {
  const [data, nulls] =
    source === 'resized' ? ['resized_image_data', 'resized_nulls'] : ['image_data', 'image_nulls'];
  const order = rowOrder(query.order);
  const noNulls = `decode('${'00'.repeat(maskStride(width))}', 'hex')`;
  const fields = await queryBinaryRow(
    pool,
    `SELECT string_agg(int8send(id), ''), string_agg(float8send(depth), ''), string_agg(int4send(row), ''), string_agg(pixels, ''),
       CASE WHEN bool_or(nulls IS NOT NULL) THEN string_agg(coalesce(nulls, ${noNulls}), '') END
     FROM (SELECT id, depth, row, ${data} AS pixels, ${nulls} AS nulls FROM frames
           WHERE ${rowConditions(query)} ORDER BY ${order} LIMIT ${limit}) AS page`,
    IN_INDEX_ORDER,
  );
  const [ids, depths, rows, pixels, masks] = fields ?? [];
  const empty = Buffer.alloc(0);
  return {
    count: (ids?.length ?? 0) / 8,
    width,
    ids: ids ?? empty,
    depths: depths ?? empty,
    rows: rows ?? empty,
    pixels: pixels ?? empty,
    nulls: masks ?? null,
  };
}

/** Ranges of grey levels of rows by rising depth, packed. */
export interface RangeRows {
  count: number;
  depths: Buffer;
  /** Place of each row in the file, 4 bytes each. */
  rows: Buffer;
  at(index: number): ValueRange;
}

/** Reads the ranges of up to `limit` rows by depth; those of rows without a present pixel are 256 to -1. */
export async function readRangeRows(
  pool: Pool,
  query: RowQuery,
  { source, limit }: { source: FrameSource; limit: number },
): Promise<RangeRows> {
  const prefix = source === 'resized' ? 'resized' : 'image';
  const [depths, rows, min, max]: BinaryRow =
    (await queryBinaryRow(
      pool,
      `SELECT string_agg(float8send(depth), ''), string_agg(int4send(row), ''), string_agg(int2send(coalesce(min, 256::int2)), ''),
         string_agg(int2send(coalesce(max, (-1)::int2)), '')
       FROM (SELECT depth, row, ${prefix}_min AS min, ${prefix}_max AS max FROM frames
             WHERE ${rowConditions(query)} ORDER BY depth, row LIMIT ${limit}) AS page`,
      IN_INDEX_ORDER,
    )) ?? [];
  const empty = Buffer.alloc(0);
  return {
    count: (depths?.length ?? 0) / 8,
    depths: depths ?? empty,
    rows: rows ?? empty,
    at: (index) => ({ min: min?.readInt16BE(2 * index) ?? 256, max: max?.readInt16BE(2 * index) ?? -1 }),
  };
}
