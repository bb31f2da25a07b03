import type { Pool } from 'pg';
import type { FrameSet } from '../../db/generated/client.ts';
import {
  depthAt,
  type FrameRows,
  idAt,
  type Position,
  type RowQuery,
  readFrameRows,
  rowAt,
} from './frame-rows.ts';
import type { FrameSource } from './schemas.ts';

/** A frame set with all that is needed to read and show its rows. */
export interface SelectedSet {
  frameSet: FrameSet;
  /** Pixels per row in the source that is read. */
  sourceWidth: number;
  /** Pixels per row as shown. */
  width: number;
  query: RowQuery;
}

/** Adjacent rows of one frame set, from `from` up to but not including `to`. */
export interface FrameRun {
  set: SelectedSet;
  rows: FrameRows;
  from: number;
  to: number;
}

/** Pixels that are read at once: few enough not to delay other requests. */
const BATCH_PIXELS = 128 * 1024;
const MAX_BATCH_ROWS = 8192;
/** The first batch is small, so that an answer begins at once. */
const FIRST_BATCH_ROWS = 128;

export interface ReadOptions {
  source: FrameSource;
  /** Maximum number of rows. */
  limit: number;
  batchPixels?: number | undefined;
}

/** Reads one frame set batch by batch. The next batch is read while the last one is used. */
class SetReader {
  readonly set: SelectedSet;
  /** Place among the sets, which orders rows of equal depth. */
  readonly place: number;
  readonly #pool: Pool;
  readonly #source: FrameSource;
  readonly #batchRows: number;
  #query: RowQuery;
  #ahead: Promise<FrameRows> | undefined;
  #isFirst: boolean;
  /** The rows that have been read, undefined if all are used up; `index` is the next one. */
  rows: FrameRows | undefined;
  index = 0;

  constructor(pool: Pool, { source, batchPixels }: ReadOptions, set: SelectedSet, place: number) {
    this.#pool = pool;
    this.#source = source;
    this.set = set;
    this.place = place;
    this.#query = set.query;
    this.#isFirst = batchPixels === undefined;
    this.#batchRows = Math.max(
      1,
      Math.min(MAX_BATCH_ROWS, Math.floor((batchPixels ?? BATCH_PIXELS) / set.sourceWidth)),
    );
  }

  /** The depth of the next row, or the least possible one if the row is not read yet; 0 in the order of the file. */
  get headDepth(): number {
    if (this.#query.order === 'file') return 0;
    if (this.rows !== undefined) return depthAt(this.rows, this.index);
    return Math.max(this.set.frameSet.depthMin, this.#query.after.depth);
  }

  /** Reads the next batch. Returns whether there is one. */
  async fill(limit: number): Promise<boolean> {
    const rows = await (this.#ahead ?? this.#read(limit));
    this.#ahead = undefined;
    if (rows.count === 0) return false;
    this.rows = rows;
    this.index = 0;
    const last = rows.count - 1;
    const after: Position = { depth: depthAt(rows, last), row: rowAt(rows, last), id: idAt(rows, last) };
    this.#query = { ...this.#query, after };
    if (limit > rows.count) {
      this.#ahead = this.#read(limit - rows.count);
      // The failure is reported when these rows are asked for.
      this.#ahead.catch(() => undefined);
    }
    return true;
  }

  /** Drops the rows before `end`. */
  advance(end: number): void {
    this.index = end;
    if (end === this.rows?.count) this.rows = undefined;
  }

  #read(limit: number): Promise<FrameRows> {
    const size = this.#isFirst ? Math.min(FIRST_BATCH_ROWS, this.#batchRows) : this.#batchRows;
    this.#isFirst = false;
    return readFrameRows(this.#pool, this.#query, {
      source: this.#source,
      width: this.set.sourceWidth,
      limit: Math.min(size, limit),
    });
  }
}

function isBefore(a: SetReader, b: SetReader): boolean {
  const [depth, other] = [a.headDepth, b.headDepth];
  return depth < other || (depth === other && a.place < b.place);
}

function firstOf(readers: readonly SetReader[]): SetReader | undefined {
  return readers.reduce<SetReader | undefined>(
    (best, reader) => (best === undefined || isBefore(reader, best) ? reader : best),
    undefined,
  );
}

/** The end of the run that starts at the reader's next row: it stops before the first row that belongs after `next`. */
function endOfRun(reader: SetReader, rows: FrameRows, next: SetReader | undefined): number {
  if (next === undefined || reader.set.query.order === 'file') return rows.count;
  const bound = next.headDepth;
  let end = reader.index;
  while (end < rows.count) {
    const depth = depthAt(rows, end);
    if (depth > bound || (depth === bound && next.place < reader.place)) break;
    end++;
  }
  return end;
}

/**
 * Reads up to `limit` rows of one or more frame sets as runs, ordered by (depth, frame set, row) or by (frame set, place in
 * the file). Each set is read in that order, and the sets are merged. A slow reader holds one batch of each set and no
 * connection, because rows are read on demand, in short queries.
 */
export async function* readRuns(
  pool: Pool,
  sets: readonly SelectedSet[],
  options: ReadOptions,
): AsyncGenerator<FrameRun, void, undefined> {
  let readers = sets.map((set, place) => new SetReader(pool, options, set, place));
  let left = options.limit;
  for (let first = firstOf(readers); first && left > 0; first = firstOf(readers)) {
    const others = readers.filter((reader) => reader !== first);
    const { set, rows, index: from } = first;
    if (rows === undefined) {
      if (!(await first.fill(left))) readers = others;
      continue;
    }
    const to = Math.min(endOfRun(first, rows, firstOf(others)), from + left);
    yield { set, rows, from, to };
    left -= to - from;
    first.advance(to);
  }
}
