import type { ChannelMeasures } from './schemas.ts';

/** Everything measured of a channel without its bins. */
type LevelStatistics = Omit<ChannelMeasures, 'counts' | 'below' | 'above'>;

/**
 * Exact statistics from the number of pixels (`counts[level]`) at each level. The results are numpy's for the array of
 * all pixels: `mean`, `std` (population), `median`, and `percentile` with its default linear interpolation. The mode is
 * the lowest of the most frequent levels; entropy is Shannon's, in bits. If there are no pixels, everything but `pixels`
 * is null. Circular levels are directions: mean and stdev are circular, and nothing is clipped.
 *
 * @param options.percentiles each 0–100
 */
export function measureLevels(
  counts: Uint32Array,
  { percentiles = [], circular = false }: { percentiles?: readonly number[]; circular?: boolean } = {},
): LevelStatistics {
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
 * The sum is an integer below 2⁵³ for up to 10¹¹ pixels, so the mean is correctly rounded. The variance is summed around
 * it, which keeps its precision if the levels are close together.
 */
function moments(counts: Uint32Array, min: number, pixels: number): { mean: number; stdev: number } {
  const sum = counts.reduce((total, count, i) => total + count * (min + i), 0);
  const mean = sum / pixels;
  const squares = counts.reduce((total, count, i) => total + count * (min + i - mean) ** 2, 0);
  return { mean, stdev: Math.sqrt(squares / pixels) };
}

/**
 * Direction of the mean vector and circular standard deviation √(−2 ln R), in levels (K. V. Mardia, Statistics of
 * Directional Data, 1972). Vectors that cancel each other out have no mean direction.
 */
function circularMoments(counts: Uint32Array, pixels: number): { mean: number | null; stdev: number | null } {
  const turn = (2 * Math.PI) / counts.length;
  const x = counts.reduce((total, count, level) => total + count * Math.cos(level * turn), 0) / pixels;
  const y = counts.reduce((total, count, level) => total + count * Math.sin(level * turn), 0) / pixels;
  // Rounding may make the mean of equal vectors slightly longer than 1.
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
 * The level at the fractional rank (pixels − 1) · percentile / 100, interpolated in numpy's order of operations, so that
 * it is the same double.
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

/** The level of the pixel with this rank (from 0) in sorted order. */
function levelAt(counts: Uint32Array, rank: number): number {
  let before = 0;
  for (let level = 0; level < counts.length; level += 1) {
    before += counts[level] ?? 0;
    if (before > rank) return level;
  }
  return counts.length - 1;
}
