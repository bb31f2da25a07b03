import type { Distribution } from './distribution.ts';
import type { ChannelMeasures } from './schemas.ts';

/** Everything measured of a channel without its bins. */
type LevelStatistics = Omit<ChannelMeasures, 'counts' | 'below' | 'above'>;

/**
 * Exact statistics of a channel. The results are numpy's for the array of all pixels: `mean`, `std` (population), `median`,
 * and `percentile` with its default linear interpolation. The mode is the lowest of the most frequent levels; entropy is
 * Shannon's, in bits. If there are no pixels, everything but `pixels` is null. Circular levels are directions: mean and
 * stdev are circular, and nothing is clipped.
 *
 * @param options.percentiles each 0–100
 */
export function measureLevels(
  distribution: Distribution,
  { percentiles = [], circular = false }: { percentiles?: readonly number[]; circular?: boolean } = {},
): LevelStatistics {
  const { levels, counts, levelCount } = distribution;
  const ranks = runningTotals(counts);
  const pixels = ranks.at(-1) ?? 0;
  const [min, max] = [levels[0], levels.at(-1)];
  if (min === undefined || max === undefined) return nothing(percentiles);
  const share = (level: number, i: number) => (levels.at(i) === level ? (counts.at(i) ?? 0) / pixels : 0);
  const clipped = circular
    ? { low: null, high: null }
    : { low: share(0, 0), high: share(levelCount - 1, -1) };
  return {
    pixels,
    min,
    max,
    ...(circular ? circularMoments(distribution, pixels) : moments(distribution, pixels)),
    median: percentileOf(levels, ranks, 50),
    percentiles: percentiles.map((percentile) => ({
      percentile,
      value: percentileOf(levels, ranks, percentile),
    })),
    mode: levels[indexOfMost(counts)] ?? min,
    entropy: entropy(counts, pixels),
    clipped,
  };
}

/** Number of pixels at each level and all before it. */
function runningTotals(counts: Uint32Array): Uint32Array {
  const totals = new Uint32Array(counts.length);
  let total = 0;
  for (let i = 0; i < counts.length; i += 1) {
    total += counts[i] as number;
    totals[i] = total;
  }
  return totals;
}

/** Index of the highest count, the first of several. */
function indexOfMost(counts: Uint32Array): number {
  let most = 0;
  for (let i = 1; i < counts.length; i += 1) if ((counts[i] as number) > (counts[most] as number)) most = i;
  return most;
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
function moments({ levels, counts }: Distribution, pixels: number): { mean: number; stdev: number } {
  let sum = 0;
  for (let i = 0; i < counts.length; i += 1) sum += (counts[i] as number) * (levels[i] as number);
  const mean = sum / pixels;
  let squares = 0;
  for (let i = 0; i < counts.length; i += 1)
    squares += (counts[i] as number) * ((levels[i] as number) - mean) ** 2;
  return { mean, stdev: Math.sqrt(squares / pixels) };
}

/**
 * Direction of the mean vector and circular standard deviation √(−2 ln R), in levels (K. V. Mardia, Statistics of
 * Directional Data, 1972). Vectors that cancel each other out have no mean direction.
 */
function circularMoments(
  { levels, counts, levelCount }: Distribution,
  pixels: number,
): { mean: number | null; stdev: number | null } {
  const turn = (2 * Math.PI) / levelCount;
  const x =
    counts.reduce((total, count, i) => total + count * Math.cos((levels[i] as number) * turn), 0) / pixels;
  const y =
    counts.reduce((total, count, i) => total + count * Math.sin((levels[i] as number) * turn), 0) / pixels;
  // Rounding may make the mean of equal vectors slightly longer than 1.
  const length = Math.min(1, Math.hypot(x, y));
  if (length < 1e-12) return { mean: null, stdev: null };
  const mean = (Math.atan2(y, x) / turn + levelCount) % levelCount;
  return { mean, stdev: Math.sqrt(-2 * Math.log(length)) / turn };
}

function entropy(counts: Uint32Array, pixels: number): number {
  let bits = 0;
  for (let i = 0; i < counts.length; i += 1) {
    const share = (counts[i] as number) / pixels;
    bits -= share * Math.log2(share);
  }
  return bits;
}

/**
 * The level at the fractional rank (pixels − 1) · percentile / 100, interpolated in numpy's order of operations, so that
 * it is the same double.
 */
function percentileOf(levels: Uint16Array, ranks: Uint32Array, percentile: number): number {
  const last = (ranks.at(-1) ?? 1) - 1;
  const rank = last * (percentile / 100);
  const below = Math.floor(rank);
  const lower = levelAt(levels, ranks, below);
  const upper = levelAt(levels, ranks, Math.min(below + 1, last));
  const fraction = rank - below;
  const step = upper - lower;
  return fraction < 0.5 ? lower + step * fraction : upper - step * (1 - fraction);
}

/** The level of the pixel with this rank (from 0) in sorted order, by binary search. */
function levelAt(levels: Uint16Array, ranks: Uint32Array, rank: number): number {
  let [low, high] = [0, levels.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranks[middle] as number) > rank) high = middle;
    else low = middle + 1;
  }
  return levels[low] as number;
}
