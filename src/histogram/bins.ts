import type { Distribution } from './distribution.ts';
import { HUE_LEVELS } from './levels.ts';
import { type ChannelMeasures, type HistogramParams, MAX_BINS } from './schemas.ts';

/** Default number of bins of a channel with 256 or 65,536 levels. */
const DEFAULT_BINS = 256;

type Binning = Pick<HistogramParams, 'bins' | 'edges' | 'level_range'>;

/**
 * The edges of a channel's bins: the requested ones, or bins of equal width. Edge i of n bins is lo + i (hi − lo) / n.
 * The product is computed first, so that integer edges are exact.
 *
 * @param levels the channel's number of levels: 256, 65,536, or 360 for hue
 * @param most maximum number of bins, if the request does not say how many
 */
export function binEdges({ bins, edges, level_range }: Binning, levels: number, most = MAX_BINS): number[] {
  if (edges !== undefined) return [...edges];
  const [low = 0, high = levels] = level_range ?? [];
  const count = bins ?? Math.min(levels === HUE_LEVELS ? HUE_LEVELS : DEFAULT_BINS, most);
  return Array.from({ length: count + 1 }, (_, i) => (i === count ? high : low + (i * (high - low)) / count));
}

/**
 * Sorts levels into bins as `numpy.histogram` does: a bin contains its lower edge but not its upper one; the last bin
 * contains both.
 *
 * @param edges strictly increasing
 */
export function binLevels(
  { levels, counts }: Distribution,
  edges: readonly number[],
): Pick<ChannelMeasures, 'counts' | 'below' | 'above'> {
  const bins = new Array<number>(edges.length - 1).fill(0);
  const first = edges[0] ?? 0;
  const last = edges.at(-1) ?? 0;
  let below = 0;
  let above = 0;
  let bin = 0;
  for (let i = 0; i < levels.length; i += 1) {
    const level = levels[i] as number;
    const count = counts[i] as number;
    if (level < first) below += count;
    else if (level > last) above += count;
    else {
      while (bin < bins.length - 1 && level >= (edges[bin + 1] ?? last)) bin += 1;
      bins[bin] = (bins[bin] ?? 0) + count;
    }
  }
  return { counts: bins, below, above };
}

/** The counts as running totals, as shares of all pixels, or both. */
export function presentCounts(
  counts: readonly number[],
  pixels: number,
  { cumulative, normalize }: Pick<HistogramParams, 'cumulative' | 'normalize'>,
): number[] {
  let total = 0;
  // Totals are divided last, so that the share of all pixels is exactly 1.
  const values = cumulative
    ? counts.map((count) => {
        total += count;
        return total;
      })
    : [...counts];
  return normalize && pixels > 0 ? values.map((value) => value / pixels) : values;
}
