import { mismatch, Words } from '../../core/faults.ts';
import { greatestCommonDivisor } from '../rows/arithmetic.ts';
import { isMasked, maskStride, setMasked } from '../rows/null-mask.ts';
import type { PackedRows } from '../rows/resampler.ts';

/** Rows stacked to a picture of grey levels. */
export interface GreyPicture extends PackedRows {
  width: number;
  height: number;
}

/** Makes rows a picture of fixed height, in the memory of that picture. */
export interface RowBinner {
  /**
   * Adds the next row: `width` grey levels from `offset`, and its bitmap, null if no pixel is missing.
   * @throws RangeError if a depth is less than the one before, and depths matter
   */
  add(depth: number, pixels: Uint8Array, offset: number, mask: Uint8Array | null): void;
  /** The picture; no row may be added afterwards. */
  finish(): GreyPicture;
}

/** The weighted mean of rows, pixel by pixel, until it is written to a row of the picture. */
class MeanRow {
  readonly #sums: Float64Array;
  /** Weight of missing pixels; written only by rows that have some. */
  readonly #missing: Float64Array;
  #anyMissing = false;
  /** Of all rows added. */
  weight = 0;

  constructor(width: number) {
    this.#sums = new Float64Array(width);
    this.#missing = new Float64Array(width);
  }

  add(weight: number, pixels: Uint8Array, offset: number, mask: Uint8Array | null): void {
    const sums = this.#sums;
    const missing = this.#missing;
    this.weight += weight;
    if (mask === null) {
      for (let x = 0; x < sums.length; x++) {
        sums[x] = (sums[x] as number) + weight * (pixels[offset + x] as number);
      }
      return;
    }
    this.#anyMissing = true;
    for (let x = 0; x < sums.length; x++) {
      if (isMasked(mask, 0, x)) missing[x] = (missing[x] as number) + weight;
      else sums[x] = (sums[x] as number) + weight * (pixels[offset + x] as number);
    }
  }

  /** Adds the mean of another `MeanRow` as a row. */
  addMean(weight: number, row: MeanRow): void {
    const sums = this.#sums;
    const missing = this.#missing;
    this.weight += weight;
    this.#anyMissing ||= row.#anyMissing;
    for (let x = 0; x < sums.length; x++) {
      const present = row.weight - (row.#missing[x] as number);
      if (present > 0) sums[x] = (sums[x] as number) + (weight * (row.#sums[x] as number)) / present;
      else missing[x] = (missing[x] as number) + weight;
    }
  }

  /** Writes the mean, rounded half up, to row `y` of a picture, and clears it. Without weight, all pixels are missing. */
  writeTo(picture: GreyPicture, y: number, rounding: number): void {
    const { weight } = this;
    const sums = this.#sums;
    const missing = this.#missing;
    const { width, pixels } = picture;
    for (let x = 0; x < width; x++) {
      const present = weight - (missing[x] as number);
      // Weights of depths have rounding errors: less than a billionth counts as nothing.
      if (present > weight * 1e-9) {
        pixels[y * width + x] = Math.floor((2 * (sums[x] as number) + present) / (2 * present) + rounding);
      } else {
        picture.nulls ??= new Uint8Array(picture.height * maskStride(width));
        setMasked(picture.nulls, y * maskStride(width), x);
      }
    }
    this.clear();
  }

  clear(): void {
    this.#sums.fill(0);
    if (this.#anyMissing) this.#missing.fill(0);
    this.#anyMissing = false;
    this.weight = 0;
  }
}

function emptyPicture(width: number, height: number): GreyPicture {
  return { width, height, pixels: new Uint8Array(width * height), nulls: null };
}

/**
 * Bins rows by their number: the exact area average of `rows` rows over `height` picture rows, with equal weights whatever
 * their depths. Weights are integers on a common lattice (see resample-area.ts). Sums are exact up to 2^53, which is enough
 * for 10^9 rows. If there are fewer rows than `height`, rows repeat.
 * @throws RangeError in `finish` if not exactly `rows` rows were added
 */
export function createRowBinner(width: number, height: number, rows: number): RowBinner {
  const divisor = greatestCommonDivisor(rows, height);
  const span = rows / divisor;
  const unit = height / divisor;
  const picture = emptyPicture(width, height);
  const mean = new MeanRow(width);
  let y = 0;
  let added = 0;
  return {
    add(_depth, pixels, offset, mask) {
      if (++added > rows) throw new RangeError(mismatch('', `${rows} rows`, added));
      for (let left = unit; left > 0; ) {
        const taken = Math.min(left, span - mean.weight);
        mean.add(taken, pixels, offset, mask);
        left -= taken;
        if (mean.weight === span) mean.writeTo(picture, y++, 0);
      }
    },
    finish() {
      if (added !== rows) throw new RangeError(mismatch('', `${rows} rows`, added));
      return picture;
    },
  };
}

/** Stacks exactly `height` rows: the same as `createRowBinner` for `height` rows, but faster. */
export function createRowStack(width: number, height: number): RowBinner {
  const picture = emptyPicture(width, height);
  const stride = maskStride(width);
  let y = 0;
  return {
    add(_depth, pixels, offset, mask) {
      if (y >= height) throw new RangeError(mismatch('', `${height} rows`, y + 1));
      picture.pixels.set(pixels.subarray(offset, offset + width), y * width);
      if (mask !== null) {
        picture.nulls ??= new Uint8Array(height * stride);
        picture.nulls.set(mask, y * stride);
      }
      y++;
    },
    finish() {
      if (y !== height) throw new RangeError(mismatch('', `${height} rows`, y));
      return picture;
    },
  };
}

export interface DepthScale {
  /** Depths of the upper and the lower edge of the picture; `from` is less than `to`. */
  from: number;
  to: number;
  /** The typical step: the depth interval of a row without neighbours. */
  step: number;
}

const GAP_FACTOR = 1.5;
/** Decimal depths have rounding errors; a value that is exactly half must still round up. */
const ROUNDING = 1e-9;

/**
 * Bins rows by their depth, which must not fall: each picture row is the mean of the rows that overlap its interval,
 * weighted by the overlap. A row covers the depths that are nearer to it than to its neighbours; if a neighbour is farther
 * than 1.5 steps, the row covers half a step on that side. Rows of equal depth are averaged first. Depths that no row
 * covers are missing.
 * @throws RangeError for a scale without height or step
 */
export function createDepthBinner(width: number, height: number, scale: DepthScale): RowBinner {
  const { from, to, step } = scale;
  if (!(to > from && step > 0))
    throw new RangeError(
      mismatch('', 'a scale with to > from and step > 0', new Words(JSON.stringify(scale))),
    );
  const binDepth = (to - from) / height;
  const picture = emptyPicture(width, height);
  const bin = new MeanRow(width);
  let y = 0;
  /** Rows of one depth, until the next depth shows how far they reach. */
  const waiting = new MeanRow(width);
  let depth = Number.NaN;
  let start = 0;

  function place(end: number): void {
    let at = Math.max(start, from);
    const stop = Math.min(end, to);
    while (at < stop && y < height) {
      const edge = y === height - 1 ? to : from + (y + 1) * binDepth;
      if (at < edge) bin.addMean(Math.min(stop, edge) - at, waiting);
      if (stop < edge) break;
      at = Math.max(at, edge);
      bin.writeTo(picture, y++, ROUNDING);
    }
    waiting.clear();
  }

  return {
    add(next, pixels, offset, mask) {
      if (next < depth) throw new RangeError(mismatch('', `a depth from ${depth} on`, next));
      if (next > depth) {
        const joined = next - depth <= GAP_FACTOR * step;
        const middle = depth + (next - depth) / 2;
        place(joined ? middle : depth + step / 2);
        start = joined ? middle : next - step / 2;
      } else if (next !== depth) {
        start = next - step / 2;
      }
      depth = next;
      waiting.add(1, pixels, offset, mask);
    },
    finish() {
      if (waiting.weight > 0) place(depth + step / 2);
      while (y < height) bin.writeTo(picture, y++, ROUNDING);
      return picture;
    },
  };
}
