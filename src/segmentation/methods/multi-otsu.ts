import { Type } from '@sinclair/typebox';
import { type Method, methodParams, refuseMorphology } from './method.ts';
import { channel, countLevels, extractPlane } from './plane.ts';

const params = methodParams(
  'multi_otsu',
  'MultiOtsu',
  'Several thresholds by Otsu’s criterion. The lowest class is background; the others count upwards.',
  {
    channel,
    invert: Type.Boolean({
      description: 'Count downwards: the highest class is background.',
      default: false,
    }),
    classes: Type.Integer({ description: 'Number of classes.', default: 3, minimum: 2, maximum: 5 }),
  },
);

/**
 * The levels that divide a histogram into `classes` classes of the largest between-class variance, ascending; each class
 * is above its threshold. They are exact, by dynamic programming over the last threshold in O(classes · 256²). There are
 * fewer if the pixels have fewer levels than `classes`. P.-S. Liao, T.-S. Chen, P.-C. Chung, "A Fast Algorithm for
 * Multilevel Thresholding", 2001.
 *
 * @param counts number of pixels at each of 256 levels
 */
function multiOtsuThresholds(counts: Uint32Array, classes: number): number[] {
  const levels: number[] = [];
  counts.forEach((count, level) => {
    if (count > 0) levels.push(level);
  });
  const parts = Math.min(classes, levels.length);
  if (parts < 2) return levels.slice(0, 1);

  const mass = new Float64Array(levels.length + 1);
  const moment = new Float64Array(levels.length + 1);
  levels.forEach((level, i) => {
    mass[i + 1] = (mass[i] as number) + (counts[level] as number);
    moment[i + 1] = (moment[i] as number) + (counts[level] as number) * level;
  });
  // Except for a constant, the variance between classes is the sum over classes of moment² / mass.
  const gain = (from: number, to: number) =>
    ((moment[to] as number) - (moment[from] as number)) ** 2 /
    ((mass[to] as number) - (mass[from] as number));

  let best = Float64Array.from({ length: levels.length + 1 }, (_, to) =>
    to === 0 ? -Infinity : gain(0, to),
  );
  const cuts: Int32Array[] = [];
  for (let part = 2; part <= parts; part++) {
    const next = new Float64Array(levels.length + 1).fill(-Infinity);
    const cut = new Int32Array(levels.length + 1);
    for (let to = part; to <= levels.length; to++) {
      for (let from = part - 1; from < to; from++) {
        const value = (best[from] as number) + gain(from, to);
        if (value > (next[to] as number)) {
          next[to] = value;
          cut[to] = from;
        }
      }
    }
    cuts.push(cut);
    best = next;
  }
  const thresholds: number[] = [];
  let to = levels.length;
  for (const cut of cuts.reverse()) {
    to = cut[to] as number;
    thresholds.unshift(levels[to - 1] as number);
  }
  return thresholds;
}

export const multiOtsu: Method<typeof params> = {
  params,
  isQuick: () => true,
  defaults: ({ classes }) => ({ segments: classes > 2 ? 'classes' : 'components' }),
  check(given) {
    if (given.classes > 2) refuseMorphology(given);
  },
  classify({ picture, hidden }, { channel, classes, invert }) {
    const plane = extractPlane(picture, channel);
    const thresholds = multiOtsuThresholds(countLevels(plane, hidden), classes);
    const classOf = Uint8Array.from({ length: 256 }, (_, level) => {
      const above = thresholds.filter((threshold) => level > threshold).length;
      return invert ? thresholds.length - above : above;
    });
    return { classes: plane.map((level) => classOf[level] as number), found: { thresholds } };
  },
};
