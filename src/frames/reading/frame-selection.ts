import { Type } from '@sinclair/typebox';
import type { Pool } from 'pg';
import { CursorId, decodeCursor, encodeCursor } from '../../core/cursor.ts';
import { withTransaction } from '../../db/database.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { MAX_DEPTH } from '../rows/row.ts';
import { IN_INDEX_ORDER, type Position, rowConditions, rowOrder } from './frame-rows.ts';
import type { SelectedSet } from './merge-frame-sets.ts';
import type { FrameListQuery, FrameOrder, FrameSource } from './schemas.ts';

const MAX_ROW = 2 ** 31 - 1;

/** The part of a query that selects rows and their width. */
type SelectionQuery = Pick<
  FrameListQuery,
  'order' | 'depth_min' | 'depth_max' | 'source' | 'width' | 'limit' | 'cursor'
>;

/** Frames to be read, ordered by the ids of their frame sets. */
export interface FrameSelection {
  query: SelectionQuery;
  sets: readonly SelectedSet[];
  /** Rows of another width are made from the originals. */
  source: FrameSource;
}

const CursorSchemas = {
  depth: Type.Tuple([
    Type.Literal('depth'),
    Type.Number({ minimum: -MAX_DEPTH, maximum: MAX_DEPTH }),
    CursorId,
    Type.Integer({ minimum: 1, maximum: MAX_ROW }),
  ]),
  file: Type.Tuple([
    Type.Literal('file'),
    CursorId,
    Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  ]),
};

/** Where reading continues in each frame set after a cursor; undefined for the sets before it. */
function readCursor(
  cursor: string,
  order: FrameOrder,
): (set: FrameSet, start: Position) => Position | undefined {
  if (order === 'file') {
    const [, setId, id] = decodeCursor(cursor, CursorSchemas.file);
    return (set, start) => {
      if (set.id < setId) return undefined;
      return set.id === setId ? { ...start, id } : start;
    };
  }
  const [, depth, setId, row] = decodeCursor(cursor, CursorSchemas.depth);
  return (set, start) => {
    if (depth < start.depth) return start;
    if (set.id === setId) return { ...start, depth, row };
    return { ...start, depth, row: set.id < setId ? MAX_ROW : -1 };
  };
}

/**
 * Selects rows of frame sets, which are given by rising id.
 * @throws AppError `validation_failed` for a cursor of another list
 */
export function selectFrames(query: SelectionQuery, frameSets: readonly FrameSet[]): FrameSelection {
  const { order, width, cursor } = query;
  const { depthMin, depthMax } = depthRange(query);
  const isResampled = width !== undefined && frameSets.some((set) => set.width !== width);
  const source = isResampled ? 'original' : query.source;
  const resume = cursor === undefined ? undefined : readCursor(cursor, order);
  const sets = frameSets.flatMap((frameSet): SelectedSet[] => {
    const start: Position = { depth: depthMin, row: -1, id: Number(frameSet.firstId) };
    const after = resume ? resume(frameSet, start) : start;
    if (after === undefined) return [];
    const sourceWidth = source === 'original' ? frameSet.columns : frameSet.width;
    const lastId = Number(frameSet.lastId);
    const rows = { frameSetId: frameSet.id, order, after, depthMin, depthMax, lastId };
    return [{ frameSet, sourceWidth, width: width ?? sourceWidth, query: rows }];
  });
  return { query, sets, source };
}

function depthRange({ depth_min, depth_max }: SelectionQuery): { depthMin: number; depthMax: number } {
  return { depthMin: depth_min ?? Number.NEGATIVE_INFINITY, depthMax: depth_max ?? Number.POSITIVE_INFINITY };
}

export interface FrameFacts {
  count: number;
  /** The depths of the rows in the answer; null if it has no rows. */
  depthMin: number | null;
  depthMax: number | null;
  /** The cursor of the next page; null on the last page. */
  nextCursor: string | null;
}

const NOTHING: FrameFacts = { count: 0, depthMin: null, depthMax: null, nextCursor: null };

/** Counts the rows of a selection, up to its limit. */
export async function countFrames<T extends FrameSelection>(
  pool: Pool,
  selection: T,
): Promise<T & FrameFacts> {
  if (selection.sets.length === 0) return { ...selection, ...NOTHING };
  const { limit } = selection.query;
  const facts = limit === undefined ? countAll(pool, selection) : countPage(pool, selection, limit);
  return { ...selection, ...(await facts) };
}

async function countAll(pool: Pool, { sets, query }: FrameSelection): Promise<FrameFacts> {
  const { depthMin, depthMax } = depthRange(query);
  const isWhole = ({ frameSet }: SelectedSet) =>
    query.cursor === undefined && depthMin <= frameSet.depthMin && depthMax >= frameSet.depthMax;
  const parts = sets.filter((set) => !isWhole(set));
  const counted = parts.length === 0 ? [] : await countRows(pool, parts);
  const whole = sets.filter(isWhole).map(({ frameSet }) => frameSet);
  const all = [...whole, ...counted].filter(({ rows }) => rows > 0);
  if (all.length === 0) return NOTHING;
  return {
    count: all.reduce((sum, { rows }) => sum + rows, 0),
    depthMin: Math.min(...all.map((set) => set.depthMin)),
    depthMax: Math.max(...all.map((set) => set.depthMax)),
    nextCursor: null,
  };
}

async function countRows(
  pool: Pool,
  sets: readonly SelectedSet[],
): Promise<{ rows: number; depthMin: number; depthMax: number }[]> {
  const counts = sets.map(
    ({ query }) =>
      `SELECT count(*)::float8 AS rows, min(depth) AS "depthMin", max(depth) AS "depthMax" FROM frames WHERE ${rowConditions(query)}`,
  );
  return (await pool.query(counts.join(' UNION ALL '))).rows;
}

/** The selected sets that have rows in the range. */
export async function setsWithFrames(pool: Pool, sets: readonly SelectedSet[]): Promise<SelectedSet[]> {
  const queries = sets.map(
    ({ query }, place) =>
      `SELECT ${place}::int AS place WHERE EXISTS (SELECT FROM frames WHERE ${rowConditions(query)})`,
  );
  const { rows } = await withTransaction(pool, async (client) => {
    await client.query(IN_INDEX_ORDER);
    return client.query<{ place: number }>(queries.join(' UNION ALL '));
  });
  return rows.flatMap(({ place }) => sets[place] ?? []);
}

/**
 * The id of the frame that is nearest to a depth. Of several, it is the one with the smaller depth, then of the first frame set and
 * row.
 *
 * @param frameSets with frames
 */
export async function findNearest(
  pool: Pool,
  frameSets: readonly FrameSet[],
  depth: number,
): Promise<{ frameSet: FrameSet; id: number } | undefined> {
  const depths = frameSets.map(
    ({ id }, place) => `SELECT ${place}::int AS place, unnest(ARRAY[
       (SELECT max(depth) FROM frames WHERE frame_set_id = '${id}' AND depth <= $1),
       (SELECT min(depth) FROM frames WHERE frame_set_id = '${id}' AND depth >= $1)]) AS depth`,
  );
  if (depths.length === 0) return undefined;
  const { rows } = await pool.query<{ place: number; depth: number }>(
    `SELECT * FROM (${depths.join(' UNION ALL ')}) AS near WHERE depth IS NOT NULL
     ORDER BY abs(depth - $1), depth, place LIMIT 1`,
    [depth],
  );
  const [near] = rows;
  const frameSet = near && frameSets[near.place];
  if (frameSet === undefined) return undefined;
  const first = await pool.query<{ id: string }>(
    'SELECT id FROM frames WHERE frame_set_id = $1 AND depth = $2 ORDER BY row LIMIT 1',
    [frameSet.id, near?.depth],
  );
  return first.rows[0] && { frameSet, id: Number(first.rows[0].id) };
}

interface PageEnd {
  depth: number;
  set: string;
  row: number;
  id: string;
  number: string;
  total: string;
  least: number;
  most: number;
}

/** Finds the last row of the page, and whether another row follows it, in the indexes alone. */
async function countPage(
  pool: Pool,
  { sets, query: { order } }: FrameSelection,
  limit: number,
): Promise<FrameFacts> {
  const heads = sets.map(
    ({ query }) =>
      `(SELECT depth, frame_set_id AS set, row, id FROM frames WHERE ${rowConditions(query)}
        ORDER BY ${rowOrder(order)} LIMIT ${limit + 1})`,
  );
  const sorted = order === 'depth' ? 'depth, set, row' : 'set, id';
  const query = `SELECT * FROM (
       SELECT *, row_number() OVER (ORDER BY ${sorted}) AS number, count(*) OVER () AS total,
              min(depth) OVER first AS least, max(depth) OVER first AS most
       FROM (SELECT * FROM (${heads.join(' UNION ALL ')}) AS heads ORDER BY ${sorted} LIMIT ${limit + 1}) AS page
       WINDOW first AS (ORDER BY ${sorted} ROWS UNBOUNDED PRECEDING)) AS numbered
     WHERE number = least(total, ${limit})`;
  const { rows } = await withTransaction(pool, async (client) => {
    await client.query(IN_INDEX_ORDER);
    return client.query<PageEnd>(query);
  });
  const [end] = rows;
  if (!end) return NOTHING;
  const position =
    order === 'depth' ? ['depth', end.depth, end.set, end.row] : ['file', end.set, Number(end.id)];
  return {
    count: Number(end.number),
    depthMin: end.least,
    depthMax: end.most,
    nextCursor: Number(end.total) > limit ? encodeCursor(position) : null,
  };
}
