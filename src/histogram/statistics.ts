import type { ChannelMeasures } from './schemas.ts';

/** What is known of a distribution of levels, without its bins. */
export type LevelStatistics = Omit<ChannelMeasures, 'counts' | 'below' | 'above'>;

export interface StatisticsOptions {
  /** Percentiles to give, each 0–100. */
  percentiles?: readonly number[];
  /** Whether the levels are directions on a circle: mean and stdev are circular, and nothing is clipped. */
  circular?: boolean;
}

/**
 * Exact statistics of a distribution, from the number of pixels (`counts[level]`) at each of its levels. Everything is
 * as numpy gives it for the array of all pixels: `mean`, `std` (population), `median`, `percentile` with its default
 * linear interpolation. The mode is the lowest of the most frequent levels; entropy is Shannon's, in bits. Where there
 * is no pixel, everything but `pixels` is null.
 */
export function measureLevels(counts: Uint32Array, options: StatisticsOptions = {}): LevelStatistics {
  const { percentiles = [], circular = false } = options;
  let min = -1;
  let max = -1;
  let pixels = 0;
  let mode = 0;
  for (let level = 0; level < counts.length; level += 1) {
    const count = counts[level] ?? 0;
    if (count === 0) continue;
    if (min < 0) min = level;
    max = level;
    pixels += count;
    if (count > (counts[mode] ?? 0)) mode = level;
  }
  if (pixels === 0) return nothing(percentiles);

  const occurring = counts.subarray(min, max + 1);
  const clipped = circular
    ? { low: null, high: null }
    : { low: (counts[0] ?? 0) / pixels, high: (counts.at(-1) ?? 0) / pixels };
  return {
    pixels,
    min,
    max,
    ...(circular ? circularMoments(counts, pixels) : moments(occurring, min, pixels)),
    median: percentileOf(counts, pixels, 50),
    percentiles: percentiles.map((percentile) => ({
      percentile,
      value: percentileOf(counts, pixels, percentile),
    })),
    mode,
    entropy: entropy(occurring, pixels),
    clipped,
  };
}

function nothing(percentiles: readonly number[]): LevelStatistics {
  return {
    pixels: 0,
    min: null,
    max: null,
    mean: null,
    stdev: null,
    median: null,
    percentiles: percentiles.map((percentile) => ({ percentile, value: null })),
    mode: null,
    entropy: null,
    clipped: { low: null, high: null },
  };
}

/**
 * The sum is a whole number below 2⁵³ for up to 10¹¹ pixels, so that the mean is correctly rounded; the variance is
 * summed around it, which loses nothing where the levels lie close together.
 */
function moments(counts: Uint32Array, min: number, pixels: number): { mean: number; stdev: number } {
  const sum = counts.reduce((total, count, i) => total + count * (min + i), 0);
  const mean = sum / pixels;
  const squares = counts.reduce((total, count, i) => total + count * (min + i - mean) ** 2, 0);
  return { mean, stdev: Math.sqrt(squares / pixels) };
}

/**
 * Direction of the mean vector and the circular standard deviation √(−2 ln R), in levels (K. V. Mardia, Statistics of
 * Directional Data, 1972). Vectors that cancel out have no mean direction.
 */
function circularMoments(counts: Uint32Array, pixels: number): { mean: number | null; stdev: number | null } {
  const turn = (2 * Math.PI) / counts.length;
  const x = counts.reduce((total, count, level) => total + count * Math.cos(level * turn), 0) / pixels;
  const y = counts.reduce((total, count, level) => total + count * Math.sin(level * turn), 0) / pixels;
  // Rounding may make the length of equal vectors a little more than 1.
  const length = Math.min(1, Math.hypot(x, y));
  if (length < 1e-12) return { mean: null, stdev: null };
  const mean = (Math.atan2(y, x) / turn + counts.length) % counts.length;
  return { mean, stdev: Math.sqrt(-2 * Math.log(length)) / turn };
}

function entropy(counts: Uint32Array, pixels: number): number {
  return counts.reduce((bits, count) => {
    const share = count / pixels;
    return count === 0 ? bits : bits - share * Math.log2(share);
  }, 0);
}

/**
 * The level at the fractional rank (pixels − 1) · percentile / 100, interpolated between the two ranks around it in
 * the order of operations that numpy uses, so that the same double comes out.
 */
function percentileOf(counts: Uint32Array, pixels: number, percentile: number): number {
  const rank = (pixels - 1) * (percentile / 100);
  const below = Math.floor(rank);
  const lower = levelAt(counts, below);
  const upper = levelAt(counts, Math.min(below + 1, pixels - 1));
  const fraction = rank - below;
  const step = upper - lower;
  return fraction < 0.5 ? lower + step * fraction : upper - step * (1 - fraction);
}

/** The level of the pixel with this rank (from 0) when all are sorted. */
function levelAt(counts: Uint32Array, rank: number): number {
  let before = 0;
  for (let level = 0; level < counts.length; level += 1) {
    before += counts[level] ?? 0;
    if (before > rank) return level;
  }
  return counts.length - 1;
}
