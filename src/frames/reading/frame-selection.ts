import { Type } from '@sinclair/typebox';
import type { Pool } from 'pg';
import { CursorId, decodeCursor, encodeCursor } from '../../core/cursor.ts';
import { withTransaction } from '../../db/database.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { MAX_DEPTH } from '../csv/cells.ts';
import type { FrameOrder, FrameSource, Position } from './frame-rows.ts';
import { IN_INDEX_ORDER, rowConditions, rowOrder } from './frame-rows.ts';
import type { ReadableSet } from './merge-frame-sets.ts';

const MAX_ROW = 2 ** 31 - 1;

/** Which frames are asked for. */
export interface FrameFilter {
  order: FrameOrder;
  /** Both included. */
  depthMin: number;
  depthMax: number;
  source: FrameSource;
  /** Pixels that rows are shown at; undefined for those of the source. */
  width: number | undefined;
  limit: number | undefined;
  cursor: string | undefined;
}

/** A frame set with all that is needed to read and to show its rows. */
export interface SelectedSet extends ReadableSet {
  frameSet: FrameSet;
  /** Pixels that its rows are shown at. */
  width: number;
}

/** Frames to be read, by id of their frame sets. */
export interface FrameSelection {
  filter: FrameFilter;
  sets: readonly SelectedSet[];
  /** What is read: rows of another width are made from the originals. */
  source: FrameSource;
  /** Whether the sets are read from their first row. */
  isFirstPage: boolean;
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

/** Where each frame set goes on after a cursor; undefined for those before it. */
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
 * What is to be read of frame sets, which come by id.
 * @throws AppError `validation_failed` for a cursor of something else
 */
export function selectFrames(frameSets: readonly FrameSet[], filter: FrameFilter): FrameSelection {
  const { order, depthMin, depthMax, width, cursor } = filter;
  const isResampled = width !== undefined && frameSets.some((set) => set.width !== width);
  const source = isResampled ? 'original' : filter.source;
  const goOn = cursor === undefined ? undefined : readCursor(cursor, order);
  const sets = frameSets.flatMap((frameSet): SelectedSet[] => {
    const start: Position = { depth: depthMin, row: -1, id: Number(frameSet.firstId) };
    const after = goOn ? goOn(frameSet, start) : start;
    if (after === undefined) return [];
    const sourceWidth = source === 'original' ? frameSet.columns : frameSet.width;
    return [
      {
        id: frameSet.id,
        frameSet,
        sourceWidth,
        width: width ?? sourceWidth,
        depthMin: frameSet.depthMin,
        query: { frameSetId: frameSet.id, order, after, depthMin, depthMax, lastId: Number(frameSet.lastId) },
      },
    ];
  });
  return { filter, sets, source, isFirstPage: cursor === undefined };
}

/** What is known of an answer before its rows are read. */
export interface FrameFacts {
  count: number;
  /** Of the rows in the answer; null where there is none. */
  depthMin: number | null;
  depthMax: number | null;
  /** Where the next page begins, null on the last one. */
  nextCursor: string | null;
}

const NOTHING: FrameFacts = { count: 0, depthMin: null, depthMax: null, nextCursor: null };

/** Counts the rows of a selection, up to its limit. */
export async function countFrames(pool: Pool, selection: FrameSelection): Promise<FrameFacts> {
  if (selection.sets.length === 0) return NOTHING;
  return selection.filter.limit === undefined
    ? countAll(pool, selection)
    : countPage(pool, selection, selection.filter.limit);
}

async function countAll(pool: Pool, { sets, filter, isFirstPage }: FrameSelection): Promise<FrameFacts> {
  const isWhole = ({ frameSet }: SelectedSet) =>
    isFirstPage && filter.depthMin <= frameSet.depthMin && filter.depthMax >= frameSet.depthMax;
  const whole = sets.filter(isWhole).map(({ frameSet }) => frameSet);
  const parts = sets.filter((set) => !isWhole(set));
  const counted = parts.length === 0 ? [] : await countRows(pool, parts);
  const all = [
    ...whole.map(({ rows, depthMin, depthMax }) => ({ rows, depthMin, depthMax })),
    ...counted,
  ].filter(({ rows }) => rows > 0);
  if (all.length === 0) return NOTHING;
  return {
    count: all.reduce((sum, { rows }) => sum + rows, 0),
    depthMin: all.reduce((least, { depthMin }) => Math.min(least, depthMin), Number.POSITIVE_INFINITY),
    depthMax: all.reduce((most, { depthMax }) => Math.max(most, depthMax), Number.NEGATIVE_INFINITY),
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

/** Finds the page's last row, and whether one comes after it, in the indexes alone. */
async function countPage(pool: Pool, { sets, filter }: FrameSelection, limit: number): Promise<FrameFacts> {
  const { order } = filter;
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
