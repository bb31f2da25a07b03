import { isMasked, maskStride } from './null-mask.ts';
import type { PackedRows } from './resampler.ts';

/** How grey levels are spread before colouring: not at all, from the range of the frame set, or from that of a window. */
export const NORMALIZATIONS = ['none', 'static', 'dynamic'] as const;

/** Depth units of the window of `dynamic` if the request gives none. */
export const DEFAULT_WINDOW = 2;

/** Least and greatest of some grey levels; `min` is 256 and `max` -1 if there are no grey levels. */
export interface ValueRange {
  min: number;
  max: number;
}

/** The range of the present pixels of one row. */
export function rowRange({ pixels, nulls }: PackedRows, row: number, width: number): ValueRange {
  const bits = row * maskStride(width);
  let min = 256;
  let max = -1;
  for (let x = 0; x < width; x++) {
    if (nulls !== null && isMasked(nulls, bits, x)) continue;
    const value = pixels[row * width + x] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/**
 * The table that maps grey levels from `min` to `max` onto 0 to 255, rounded half up, and other levels to the nearer end.
 * If `min` equals `max`, that level and all below it become 0, and all above it 255.
 */
export function normalizationTable({ min, max }: ValueRange): Uint8Array {
  const range = max - min;
  return Uint8Array.from({ length: 256 }, (_, value) => {
    if (value <= min) return 0;
    if (value >= max) return 255;
    return Math.floor((2 * 255 * (value - min) + range) / (2 * range));
  });
}

/** Grey levels in a window, without those that a later level exceeds: the rest only fall (or rise), so there are at most 256. */
class MonotonicQueue {
  readonly #values = new Int16Array(256);
  readonly #depths = new Float64Array(256);
  #start = 0;
  #size = 0;
  readonly #sign: 1 | -1;

  /** @param sign 1 keeps the greatest value in front, -1 the least */
  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  add(depth: number, value: number): void {
    const signed = value * this.#sign;
    while (this.#size > 0 && (this.#values[(this.#start + this.#size - 1) & 255] as number) <= signed)
      this.#size--;
    const at = (this.#start + this.#size++) & 255;
    this.#values[at] = signed;
    this.#depths[at] = depth;
  }

  dropBelow(depth: number): void {
    while (this.#size > 0 && (this.#depths[this.#start] as number) < depth) {
      this.#start = (this.#start + 1) & 255;
      this.#size--;
    }
  }

  front(whenEmpty: number): number {
    return this.#size === 0 ? whenEmpty : (this.#values[this.#start] as number) * this.#sign;
  }
}

/**
 * The range of grey levels in a window of depth that slides down a log, in constant memory (Lemire 2006, "Streaming
 * maximum-minimum filter using no more than three comparisons per element").
 *
 * Rows are added by rising depth: before `rangeAt(centre)`, every row up to `reachOf(centre)` must have been added, and no
 * row beyond it.
 */
export class SlidingRange {
  readonly #half: number;
  readonly #least = new MonotonicQueue(-1);
  readonly #greatest = new MonotonicQueue(1);

  /** @param window its full height in depth units, more than 0 */
  constructor(window: number) {
    // A row exactly on the edge counts despite rounding errors of depths.
    this.#half = window / 2 + window * 1e-9;
  }

  /** The greatest depth in the window around a centre. */
  reachOf(centre: number): number {
    return centre + this.#half;
  }

  /** Adds a row's range; a row without present pixels may be left out. */
  add(depth: number, { min, max }: ValueRange): void {
    if (max < min) return;
    this.#least.add(depth, min);
    this.#greatest.add(depth, max);
  }

  /** The range around a centre; centres must not fall. */
  rangeAt(centre: number): ValueRange {
    this.#least.dropBelow(centre - this.#half);
    this.#greatest.dropBelow(centre - this.#half);
    return { min: this.#least.front(256), max: this.#greatest.front(-1) };
  }
}

/** Maps `width` grey levels from `offset` in place. */
export function mapLevels(pixels: Uint8Array, offset: number, width: number, table: Uint8Array): void {
  for (let at = offset; at < offset + width; at++) pixels[at] = table[pixels[at] as number] as number;
}
