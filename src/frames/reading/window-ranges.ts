import type { Pool } from 'pg';
import { SlidingRange, type ValueRange } from '../rows/normalize.ts';
import { depthAt, type RangeRows, type RowQuery, readRangeRows, rowAt } from './frame-rows.ts';
import type { FrameSource } from './schemas.ts';

const BATCH_ROWS = 2048;

/**
 * The range of grey levels in the window around each depth of one frame set. It reads the ranges of rows on its own, ahead
 * of the rows that are shown, so a window may reach beyond a page.
 */
export class WindowRanges {
  readonly #pool: Pool;
  readonly #source: FrameSource;
  readonly #sliding: SlidingRange;
  readonly #window: number;
  readonly #query: RowQuery;
  #batch: RangeRows | undefined;
  #index = 0;

  /** @param query selects the frame set; its bounds do not matter */
  constructor(pool: Pool, query: RowQuery, { source, window }: { source: FrameSource; window: number }) {
    this.#pool = pool;
    this.#source = source;
    this.#window = window;
    this.#sliding = new SlidingRange(window);
    this.#query = { ...query, order: 'depth', depthMax: Number.POSITIVE_INFINITY };
  }

  /** The range around a depth; depths must not fall from call to call. */
  async rangeAt(depth: number): Promise<ValueRange> {
    const reach = this.#sliding.reachOf(depth);
    // This is half a window more than needed; rows below the window are dropped again.
    this.#batch ??= await this.#readAfter(depth - this.#window, -1);
    for (let batch = this.#batch; batch.count > 0; ) {
      while (this.#index < batch.count && depthAt(batch, this.#index) <= reach) {
        this.#sliding.add(depthAt(batch, this.#index), batch.at(this.#index));
        this.#index++;
      }
      if (this.#index < batch.count) break;
      const last = batch.count - 1;
      batch = await this.#readAfter(depthAt(batch, last), rowAt(batch, last));
      this.#batch = batch;
      this.#index = 0;
    }
    return this.#sliding.rangeAt(depth);
  }

  #readAfter(depth: number, row: number): Promise<RangeRows> {
    const query = { ...this.#query, after: { depth, row, id: 0 } };
    return readRangeRows(this.#pool, query, { source: this.#source, limit: BATCH_ROWS });
  }
}
