import { aboveThreshold, invert, type Method, methodParams } from './method.ts';
import { channel, countLevels, extractPlane } from './plane.ts';

const params = methodParams('otsu', 'Otsu', 'A global threshold by Otsu’s method. Foreground is above it.', {
  channel,
  invert,
});

/**
 * The lowest level that divides a histogram into two classes of the largest between-class variance (N. Otsu, "A
 * Threshold Selection Method from Gray-Level Histograms", 1979); the second class is above it. If all pixels have the
 * same level, it is that one; of an empty histogram it is 0.
 *
 * @param counts number of pixels at each of 256 levels
 */
export function otsuThreshold(counts: Uint32Array): number {
  let total = 0;
  let sum = 0;
  counts.forEach((count, level) => {
    total += count;
    sum += count * level;
  });
  let below = 0;
  let sumBelow = 0;
  let best = Math.max(
    0,
    counts.findIndex((count) => count > 0),
  );
  let largest = 0;
  for (let level = 0; level < counts.length; level++) {
    const count = counts[level] as number;
    below += count;
    sumBelow += count * level;
    if (below === 0 || below === total) continue;
    const variance = (sum * (below / total) - sumBelow) ** 2 / (below * (total - below));
    if (variance > largest) {
      largest = variance;
      best = level;
    }
  }
  return best;
}

export const otsu: Method<typeof params> = {
  params,
  isQuick: () => true,
  classify({ picture, hidden }, { channel, invert }) {
    const plane = extractPlane(picture, channel);
    const threshold = otsuThreshold(countLevels(plane, hidden));
    return { classes: aboveThreshold(plane, threshold, invert), found: { thresholds: [threshold] } };
  },
};
