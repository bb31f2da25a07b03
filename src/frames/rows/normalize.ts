import { isMasked } from './null-mask.ts';

/** How grey levels are spread before colour: not at all, over the whole set's range, or over that of a depth window. */
export const NORMALIZATIONS = ['none', 'static', 'dynamic'] as const;
export type Normalization = (typeof NORMALIZATIONS)[number];

/** Depth units of the window of `dynamic` unless another is asked for. */
export const DEFAULT_WINDOW = 2;

/** Least and greatest of some grey levels; `min` 256 and `max` -1 if there are none. */
export interface ValueRange {
  min: number;
  max: number;
}

/** The range of the present pixels of one row of `width` pixels from `offset`; `mask` is its bitmap, null for none. */
export function rowRange(
  pixels: Uint8Array,
  offset: number,
  width: number,
  mask: Uint8Array | null,
): ValueRange {
  let min = 256;
  let max = -1;
  for (let x = 0; x < width; x++) {
    if (mask !== null && isMasked(mask, 0, x)) continue;
    const value = pixels[offset + x] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/**
 * The table that maps grey levels `min` to `max` onto 0 to 255, rounded half up; what lies outside goes to the nearer
 * end. If `min` equals `max`, that level and those below go to 0, those above to 255.
 */
export function normalizationTable({ min, max }: ValueRange): Uint8Array {
  const range = max - min;
  return Uint8Array.from({ length: 256 }, (_, value) => {
    if (value <= min) return 0;
    if (value >= max) return 255;
    return Math.floor((2 * 255 * (value - min) + range) / (2 * range));
  });
}

/** Grey levels in a window, without those that a later one outdoes: they only fall (or rise), so at most 256 are left. */
class MonotonicQueue {
  readonly #values = new Int16Array(256);
  readonly #depths = new Float64Array(256);
  #start = 0;
  #size = 0;
  readonly #sign: 1 | -1;

  /** @param sign 1 to keep the greatest value in front, -1 the least. */
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
 * The range of grey levels in a window of depth that slides down a log, in constant memory: only levels that no later
 * row of the window outdoes are kept, which is at most 256 of each kind (Lemire 2006, "Streaming maximum-minimum
 * filter using no more than three comparisons per element").
 *
 * Rows are added by rising depth, running ahead of the centres asked for: before `rangeAt(centre)`, every row up to
 * `reachOf(centre)` must have been added, and none beyond it. So a second reader of the same rows can run ahead of the
 * one whose rows are shown, and no row need be held, whatever the window.
 */
export class SlidingRange {
  readonly #half: number;
  readonly #least = new MonotonicQueue(-1);
  readonly #greatest = new MonotonicQueue(1);

  /** @param window full width in depth units, more than 0. */
  constructor(window: number) {
    // A row on the very edge counts, although sums of depths are off by some 10^-12.
    this.#half = window / 2 + window * 1e-9;
  }

  /** The greatest depth that belongs to the window of a centre. */
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

/** Replaces `width` grey levels from `offset` by what a table (`normalizationTable`) maps them to. */
export function mapLevels(pixels: Uint8Array, offset: number, width: number, table: Uint8Array): void {
  for (let at = offset; at < offset + width; at++) pixels[at] = table[pixels[at] as number] as number;
}
