import { maskStride } from '../rows/null-mask.ts';
import type { RowFacts } from '../rows/quality.ts';

/** Rows of an image log, packed so that all arrays can be transferred between threads. */
export interface FrameBatch {
  /** Rows in the batch. */
  count: number;
  /** Pixels per row. */
  columns: number;
  /** Position of each row in the file, counted from 1 after the header; rising, with gaps if rows were skipped. */
  rows: Uint32Array<ArrayBuffer>;
  /** Depth of each row. */
  depths: Float64Array<ArrayBuffer>;
  /** `count × columns` grey levels, row-major; 0 for a missing pixel. */
  pixels: Uint8Array<ArrayBuffer>;
  /** `count × maskStride(columns)` bytes of bitmaps (see null-mask.ts); null only if no pixel of the batch is missing. */
  nulls: Uint8Array<ArrayBuffer> | null;
}

/** Pixels in a full batch: they fit into a core's cache, and messages between threads stay rare. */
const BATCH_PIXELS = 256 * 1024;
const MAX_ROWS = 4096;

/** Collects rows in place: the row at `count` is written into the arrays and these fields, then kept by `commit` or dropped. */
export class BatchBuilder implements RowFacts {
  readonly columns: number;
  readonly stride: number;
  readonly capacity: number;
  count = 0;

  depth = 0;
  nullPixels = 0;
  /** 256 if every pixel is missing. */
  valueMin = 256;
  /** -1 if every pixel is missing. */
  valueMax = -1;

  rows!: Uint32Array<ArrayBuffer>;
  depths!: Float64Array<ArrayBuffer>;
  pixels!: Uint8Array<ArrayBuffer>;
  nulls: Uint8Array<ArrayBuffer> | null = null;

  constructor(columns: number, maxRows = MAX_ROWS) {
    this.columns = columns;
    this.stride = maskStride(columns);
    this.capacity = Math.max(1, Math.min(maxRows, Math.floor(BATCH_PIXELS / columns)));
    this.#allocate();
  }

  /** Marks a pixel of the row being written as missing. */
  setNull(column: number): void {
    this.nulls ??= new Uint8Array(this.capacity * this.stride);
    const at = this.count * this.stride + (column >> 3);
    this.nulls[at] = (this.nulls[at] as number) | (1 << (column & 7));
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
    const full = count === this.capacity;
    const batch: FrameBatch = {
      count,
      columns,
      rows: full ? this.rows : this.rows.slice(0, count),
      depths: full ? this.depths : this.depths.slice(0, count),
      pixels: full ? this.pixels : this.pixels.slice(0, count * columns),
      nulls: full ? this.nulls : (this.nulls?.slice(0, count * stride) ?? null),
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
