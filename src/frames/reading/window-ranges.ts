import type { Pool } from 'pg';
import { SlidingRange, type ValueRange } from '../rows/normalize.ts';
import { depthAt, type RangeRows, type RowQuery, readRangeRows, rowAt } from './frame-rows.ts';
import type { FrameSource } from './schemas.ts';

const BATCH_ROWS = 2048;

/**
 * The range of grey levels in the window around one depth after the other, of one frame set. It reads the rows' ranges by
 * itself, ahead of those that are shown, so that neither the window nor a page bounds what it sees.
 */
export class WindowRanges {
  readonly #pool: Pool;
  readonly #source: FrameSource;
  readonly #sliding: SlidingRange;
  readonly #window: number;
  #query: RowQuery;
  #batch: RangeRows | undefined;
  #index = 0;
  #isAtEnd = false;

  /** @param query of the frame set whose rows are shown; its bounds do not matter. */
  constructor(pool: Pool, query: RowQuery, { source, window }: { source: FrameSource; window: number }) {
    this.#pool = pool;
    this.#source = source;
    this.#window = window;
    this.#sliding = new SlidingRange(window);
    this.#query = { ...query, order: 'depth', depthMax: Number.POSITIVE_INFINITY };
  }

  /** The range around a depth, not less than the one asked for before. */
  async rangeAt(depth: number): Promise<ValueRange> {
    const reach = this.#sliding.reachOf(depth);
    if (this.#batch === undefined) {
      // A whole window more than needed: what lies below the window is dropped again.
      this.#query = { ...this.#query, after: { depth: depth - this.#window, row: -1, id: 0 } };
      await this.#read();
    }
    for (;;) {
      const batch = this.#batch;
      if (batch === undefined || this.#isAtEnd) break;
      while (this.#index < batch.count && depthAt(batch, this.#index) <= reach) {
        this.#sliding.add(depthAt(batch, this.#index), batch.at(this.#index));
        this.#index++;
      }
      if (this.#index < batch.count) break;
      await this.#read();
    }
    return this.#sliding.rangeAt(depth);
  }

  async #read(): Promise<void> {
    const batch = await readRangeRows(this.#pool, this.#query, { source: this.#source, limit: BATCH_ROWS });
    this.#batch = batch;
    this.#index = 0;
    if (batch.count === 0) {
      this.#isAtEnd = true;
      return;
    }
    const last = batch.count - 1;
    this.#query = { ...this.#query, after: { depth: depthAt(batch, last), row: rowAt(batch, last), id: 0 } };
  }
}
