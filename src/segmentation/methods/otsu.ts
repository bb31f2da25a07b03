import { aboveThreshold, invert, type Method, methodParams } from './method.ts';
import { channel, countLevels, extractPlane } from './plane.ts';

const params = methodParams('otsu', 'Otsu', 'Global threshold by Otsu’s method: foreground is above it.', {
  channel,
  invert,
});

/**
 * The level that parts a histogram into two classes of the largest between-class variance (N. Otsu, "A Threshold
 * Selection Method from Gray-Level Histograms", 1979); the second class is above it. The lowest such level; that of
 * the pixels where they all have one; 0 of an empty histogram.
 *
 * @param counts pixels of each level, 256
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
  classify({ picture, hidden }, { channel, invert }) {
    const plane = extractPlane(picture, channel);
    const threshold = otsuThreshold(countLevels(plane, hidden));
    return { classes: aboveThreshold(plane, threshold, invert), found: { thresholds: [threshold] } };
  },
};
