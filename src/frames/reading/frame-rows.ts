import type { Pool } from 'pg';
import { mismatch } from '../../core/faults.ts';
import { queryBinaryRow } from '../../db/binary-copy.ts';
import type { ValueRange } from '../rows/normalize.ts';
import { maskStride } from '../rows/null-mask.ts';
import type { PackedRows } from '../rows/resampler.ts';
import type { FrameOrder, FrameSource } from './schemas.ts';

/** Rows of one frame set, packed. */
export interface FrameRows extends PackedRows {
  count: number;
  width: number;
  /** 8 bytes each, big-endian: see `idAt` and `depthAt`. */
  ids: Buffer;
  depths: Buffer;
  /** 4 bytes each, big-endian: see `rowAt`. */
  rows: Buffer;
}

export function idAt({ ids }: Pick<FrameRows, 'ids'>, index: number): number {
  return ids.readUInt32BE(8 * index) * 2 ** 32 + ids.readUInt32BE(8 * index + 4);
}

export function depthAt({ depths }: Pick<FrameRows, 'depths'>, index: number): number {
  return depths.readDoubleBE(8 * index);
}

/** The row's place in the file. */
export function rowAt({ rows }: Pick<FrameRows, 'rows'>, index: number): number {
  return rows.readInt32BE(4 * index);
}

/** The row of a frame set after which reading continues: by depth and row, or by id in the order of the file. */
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
  /** The greatest id of the frame set. */
  lastId: number;
}

/** A double as a literal, because COPY takes no parameters. */
function float(value: number): string {
  return `'${value}'::float8`;
}

function uuid(value: string): string {
  if (!/^[0-9a-f-]{36}$/.test(value)) throw new TypeError(mismatch('', 'a UUID', value));
  return `'${value}'::uuid`;
}

/** The rows of a query as a condition. Both orders are those of an index. */
export function rowConditions({ frameSetId, order, after, depthMin, depthMax, lastId }: RowQuery): string {
  const common = `frame_set_id = ${uuid(frameSetId)} AND depth <= ${float(depthMax)}`;
  return order === 'depth'
    ? `${common} AND (depth, row) > (${float(after.depth)}, ${after.row})`
    : `${common} AND depth >= ${float(depthMin)} AND id > ${after.id} AND id <= ${lastId}`;
}

/**
 * Makes PostgreSQL read rows in the order of their index. Otherwise the planner may sort a whole frame set for each batch
 * until that set is analyzed, or the whole table for a small set.
 */
export const IN_INDEX_ORDER =
  'SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off';

export function rowOrder(order: FrameOrder): string {
  return order === 'depth' ? 'depth, row' : 'id';
}

/**
 * Runs a query for one row of aggregates, each of which packs a field of many rows: one piece of memory is much faster to
 * take apart than rows. No connection is held between two queries.
 */
async function readPacked(pool: Pool, query: string): Promise<(Buffer | undefined)[]> {
  const fields = await queryBinaryRow(pool, query, IN_INDEX_ORDER);
  return (fields ?? []).map((field) => field ?? undefined);
}

const EMPTY = Buffer.alloc(0);

/** Reads up to `limit` rows. */
export async function readFrameRows(
  pool: Pool,
  query: RowQuery,
  { source, width, limit }: { source: FrameSource; width: number; limit: number },
): Promise<FrameRows> {
  const [data, nulls] =
    source === 'resized' ? ['resized_image_data', 'resized_nulls'] : ['image_data', 'image_nulls'];
  const order = rowOrder(query.order);
  const noNulls = `decode('${'00'.repeat(maskStride(width))}', 'hex')`;
  const [ids = EMPTY, depths = EMPTY, rows = EMPTY, pixels = EMPTY, masks = null] = await readPacked(
    pool,
    `SELECT string_agg(int8send(id), ''), string_agg(float8send(depth), ''), string_agg(int4send(row), ''), string_agg(pixels, ''),
       CASE WHEN bool_or(nulls IS NOT NULL) THEN string_agg(coalesce(nulls, ${noNulls}), '') END
     FROM (SELECT id, depth, row, ${data} AS pixels, ${nulls} AS nulls FROM frames
           WHERE ${rowConditions(query)} ORDER BY ${order} LIMIT ${limit}) AS page`,
  );
  return { count: ids.length / 8, width, ids, depths, rows, pixels, nulls: masks };
}

/** Ranges of grey levels of rows by rising depth, packed. */
export interface RangeRows extends Pick<FrameRows, 'count' | 'depths' | 'rows'> {
  at(index: number): ValueRange;
}

/** Reads the ranges of up to `limit` rows; the range of a row without present pixels is 256 to -1. */
export async function readRangeRows(
  pool: Pool,
  query: RowQuery,
  { source, limit }: { source: FrameSource; limit: number },
): Promise<RangeRows> {
  const prefix = source === 'resized' ? 'resized' : 'image';
  const [depths = EMPTY, rows = EMPTY, min = EMPTY, max = EMPTY] = await readPacked(
    pool,
    `SELECT string_agg(float8send(depth), ''), string_agg(int4send(row), ''), string_agg(int2send(coalesce(min, 256::int2)), ''),
       string_agg(int2send(coalesce(max, (-1)::int2)), '')
     FROM (SELECT depth, row, ${prefix}_min AS min, ${prefix}_max AS max FROM frames
           WHERE ${rowConditions(query)} ORDER BY depth, row LIMIT ${limit}) AS page`,
  );
  const at = (index: number) => ({ min: min.readInt16BE(2 * index), max: max.readInt16BE(2 * index) });
  return { count: depths.length / 8, depths, rows, at };
}
