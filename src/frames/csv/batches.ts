import { maskStride, setMasked } from '../rows/null-mask.ts';
import type { RowFacts } from '../rows/quality.ts';

/** Packed rows of an image log. */
export interface FrameBatch {
  /** Rows in the batch. */
  count: number;
  /** Pixels per row. */
  columns: number;
  /** Position of each row in the file, counted from 1 after the header; rising, with gaps if rows were skipped. */
  rows: Uint32Array;
  /** Depth of each row. */
  depths: Float64Array;
  /** `count × columns` grey levels, row-major; 0 for a missing pixel. */
  pixels: Uint8Array;
  /** `count × maskStride(columns)` bytes of bitmaps (see null-mask.ts); null only if no pixel of the batch is missing. */
  nulls: Uint8Array | null;
}

/** Pixels in a full batch: few enough for a core's cache. */
const BATCH_PIXELS = 256 * 1024;
const MAX_ROWS = 4096;

/** Collects rows in place: the row at `count` is written into the arrays and these fields, then kept by `commit` or dropped. */
export class BatchBuilder implements RowFacts {
  readonly columns: number;
  readonly stride: number;
  readonly capacity: number;
  count = 0;

  depth = 0;
  /** Decimals with which the depth is written. */
  depthDecimals = 0;
  nullPixels = 0;
  /** 256 if every pixel is missing. */
  valueMin = 256;
  /** -1 if every pixel is missing. */
  valueMax = -1;

  rows!: Uint32Array;
  depths!: Float64Array;
  pixels!: Uint8Array;
  nulls: Uint8Array | null = null;

  constructor(columns: number, maxRows = MAX_ROWS) {
    this.columns = columns;
    this.stride = maskStride(columns);
    this.capacity = Math.max(1, Math.min(maxRows, Math.floor(BATCH_PIXELS / columns)));
    this.#allocate();
  }

  /** Marks a pixel of the row being written as missing. */
  setNull(column: number): void {
    this.nulls ??= new Uint8Array(this.capacity * this.stride);
    setMasked(this.nulls, this.count * this.stride, column);
  }

  /** Removes the marks of a row that is not kept. */
  clearNulls(): void {
    this.nulls?.fill(0, this.count * this.stride, (this.count + 1) * this.stride);
  }

  /**
   * Keeps the row being written.
   * @returns the batch if it is now full
   */
  commit(row: number): FrameBatch | undefined {
    this.rows[this.count] = row;
    this.depths[this.count] = this.depth;
    this.count++;
    return this.count === this.capacity ? this.take() : undefined;
  }

  /** The rows collected so far, if any. */
  take(): FrameBatch | undefined {
    const { count, columns, stride } = this;
    if (count === 0) return undefined;
    const batch: FrameBatch = {
      count,
      columns,
      rows: this.rows.subarray(0, count),
      depths: this.depths.subarray(0, count),
      pixels: this.pixels.subarray(0, count * columns),
      nulls: this.nulls?.subarray(0, count * stride) ?? null,
    };
    this.count = 0;
    this.#allocate();
    return batch;
  }

  #allocate(): void {
    this.rows = new Uint32Array(this.capacity);
    this.depths = new Float64Array(this.capacity);
    this.pixels = new Uint8Array(this.capacity * this.columns);
    this.nulls = null;
  }
}
