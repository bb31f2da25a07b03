import type { Raster } from '../../src/histogram/raster.ts';
import type { Channel } from '../../src/histogram/schemas.ts';

/**
 * The plainest way to everything, written from the definitions and apart from the code under test: arrays of all
 * values, sorted; BigInt where a sum could round.
 */

/** A channel's level of one pixel, from the definition; undefined if it has none (the hue of grey). */
export function levelOf(raster: Raster, channel: Channel, pixel: number): number | undefined {
  const at = (band: number) => raster.samples[pixel * raster.stride + band] ?? Number.NaN;
  const [r, g, b] = raster.colorSpace === 'srgb' ? [at(0), at(1), at(2)] : [at(0), at(0), at(0)];
  const max = Math.max(r, g, b);
  const chroma = max - Math.min(r, g, b);
  switch (channel) {
    case 'red':
    case 'grey':
      return r;
    case 'green':
      return g;
    case 'blue':
      return b;
    case 'alpha':
      return at(raster.alpha ?? Number.NaN);
    case 'luminance':
      return halfUp(2126n * BigInt(r) + 7152n * BigInt(g) + 722n * BigInt(b), 10_000n);
    case 'value':
      return max;
    case 'saturation':
      return max === 0 ? 0 : halfUp(BigInt(chroma) * BigInt(2 ** raster.bitDepth - 1), BigInt(max));
    case 'hue': {
      if (chroma === 0) return undefined;
      const [from, difference] = max === r ? [360, g - b] : max === g ? [120, b - r] : [240, r - g];
      return halfUp(BigInt(from * chroma + 60 * difference), BigInt(chroma)) % 360;
    }
  }
}

function halfUp(numerator: bigint, denominator: bigint): number {
  return Number((2n * numerator + denominator) / (2n * denominator));
}

/** All levels of a channel over the pixels that `isSelected` holds. */
export function levelsOf(raster: Raster, channel: Channel, isSelected = (_pixel: number) => true): number[] {
  return Array.from({ length: raster.width * raster.height }, (_, pixel) => pixel)
    .filter((pixel) => isSelected(pixel))
    .map((pixel) => levelOf(raster, channel, pixel))
    .filter((level) => level !== undefined);
}

/** Counts by `numpy.histogram`'s rule, one comparison a value and bin. */
export function countInto(levels: readonly number[], edges: readonly number[]): number[] {
  const last = edges.length - 2;
  return edges.slice(0, -1).map((low, bin) => {
    const high = edges[bin + 1] ?? Number.NaN;
    return levels.filter((level) => level >= low && (level < high || (bin === last && level === high)))
      .length;
  });
}

export function measure(levels: readonly number[]) {
  const sorted = [...levels].sort((a, b) => a - b);
  const n = sorted.length;
  const mean = sorted.reduce((sum, level) => sum + level, 0) / n;
  const byLevel = Map.groupBy(sorted, (level) => level);
  const shares = [...byLevel.values()].map((same) => same.length / n);
  const often = Math.max(...[...byLevel.values()].map((same) => same.length));
  return {
    min: sorted[0],
    max: sorted.at(-1),
    mean,
    stdev: Math.sqrt(sorted.reduce((sum, level) => sum + (level - mean) ** 2, 0) / n),
    median: ((sorted[(n - 1) >> 1] ?? 0) + (sorted[n >> 1] ?? 0)) / 2,
    mode: [...byLevel].find(([, same]) => same.length === often)?.[0],
    entropy: -shares.reduce((sum, share) => sum + share * Math.log2(share), 0),
  };
}
