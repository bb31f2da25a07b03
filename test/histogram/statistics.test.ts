import t from 'tap';
import { binEdges, binLevels, presentCounts } from '../../src/histogram/bins.ts';
import { type Distribution, DistributionCounter, distributionOf } from '../../src/histogram/distribution.ts';
import { measureLevels } from '../../src/histogram/statistics.ts';
import { countInto, measure } from './reference.ts';
import { randomNumbers } from './support.ts';

function countsOf(levels: readonly number[], size: number): Distribution {
  const counts = new Uint32Array(size);
  for (const level of levels) counts[level] = (counts[level] ?? 0) + 1;
  return distributionOf(counts);
}

function randomLevels(n: number, size: number, seed: number): number[] {
  const random = randomNumbers(seed);
  return Array.from({ length: n }, () => random() % size);
}

t.test('pixels in any order have the distribution of their counts', async (t) => {
  for (const [n, size] of [
    [0, 256],
    [1, 256],
    [200, 256],
    [300, 256],
    [5000, 65_536],
    [70_000, 65_536],
  ] as const) {
    const counter = new DistributionCounter(size);
    const levels = randomLevels(n, size, n);
    const expected = countsOf(levels, size);
    t.same(counter.count(Uint16Array.from(levels)), expected, `${n} of ${size}`);
    const withOthers = Uint16Array.from([size + 1, ...levels, size].map((level) => Math.min(level, 65_535)));
    if (size < 65_535) t.same(counter.count(withOthers), expected, 'without those that are no levels');
  }
});

t.test('statistics are those of the sorted values', async (t) => {
  const cases: [string, number[], number][] = [
    ['one value', [7], 256],
    ['two values', [3, 4], 256],
    ['an even number of values', [0, 0, 10, 255], 256],
    ['all equal', [9, 9, 9], 256],
    ['random 8-bit', randomLevels(999, 256, 5), 256],
    ['random 16-bit', randomLevels(1000, 65_536, 6), 65_536],
    ['close together, far from 0', randomLevels(500, 3, 7).map((level) => 65_000 + level), 65_536],
  ];
  for (const [name, levels, size] of cases) {
    const found = measureLevels(countsOf(levels, size));
    const { mean, stdev, entropy, ...exact } = measure(levels);
    t.match(found, { ...exact, pixels: levels.length }, name);
    t.ok(Math.abs((found.mean ?? 0) - mean) <= 1e-9, `${name}: mean`);
    t.ok(Math.abs((found.stdev ?? 0) - stdev) <= 1e-9, `${name}: stdev`);
    t.ok(Math.abs((found.entropy ?? 0) - entropy) <= 1e-9, `${name}: entropy`);
    t.equal(found.clipped.low, levels.filter((level) => level === 0).length / levels.length);
    t.equal(found.clipped.high, levels.filter((level) => level === size - 1).length / levels.length);
  }
});

t.test('percentiles are interpolated between ranks, as numpy does by default', async (t) => {
  // numpy.percentile([10, 20, 30, 40], [0, 10, 25, 50, 90, 100])
  const { percentiles } = measureLevels(countsOf([10, 20, 30, 40], 256), {
    percentiles: [0, 10, 25, 50, 90, 100],
  });
  t.same(
    percentiles.map(({ value }) => value),
    [10, 13, 17.5, 25, 37, 40],
  );
});

t.test('the most frequent level is the lowest of several', async (t) => {
  t.equal(measureLevels(countsOf([8, 8, 5, 5, 1], 256)).mode, 5);
});

t.test('without pixels there are no statistics', async (t) => {
  t.same(measureLevels(distributionOf(new Uint32Array(256)), { percentiles: [5] }), {
    pixels: 0,
    min: null,
    max: null,
    mean: null,
    stdev: null,
    median: null,
    percentiles: [{ percentile: 5, value: null }],
    mode: null,
    entropy: null,
    clipped: { low: null, high: null },
  });
});

t.test('directions have a circular mean and deviation', async (t) => {
  const around = measureLevels(countsOf([350, 10], 360), { circular: true });
  const mean = around.mean ?? Number.NaN;
  t.ok(Math.min(mean, 360 - mean) < 1e-9, 'the mean of 350° and 10° is 0°, not 180°');
  // √(−2 ln cos 10°) in degrees
  const deviation = (Math.sqrt(-2 * Math.log(Math.cos(Math.PI / 18))) * 180) / Math.PI;
  t.ok(Math.abs((around.stdev ?? 0) - deviation) < 1e-9);
  t.same(around.clipped, { low: null, high: null });
  t.equal(
    measureLevels(countsOf([0, 180], 360), { circular: true }).mean,
    null,
    'opposite directions have no mean',
  );
  t.equal(measureLevels(countsOf([90, 90], 360), { circular: true }).stdev, 0);
});

t.test('bins', async (t) => {
  const levels = randomLevels(2000, 256, 11);
  const counts = countsOf(levels, 256);

  t.test('of any number hold what comparing each value with each edge finds', async (t) => {
    for (const bins of [1, 2, 3, 7, 10, 49, 100, 255, 256]) {
      const edges = binEdges({ bins }, 256);
      t.equal(edges.length, bins + 1);
      t.same(binLevels(counts, edges), { counts: countInto(levels, edges), below: 0, above: 0 }, `${bins}`);
    }
  });

  t.test('over a range leave the others outside; the last one holds its upper edge', async (t) => {
    for (const range of [
      [0, 128],
      [10, 20],
      [99.5, 100.5],
      [200, 255],
      [0, 1],
    ]) {
      const [low = 0, high = 0] = range;
      const edges = binEdges({ bins: 5, level_range: range }, 256);
      const binned = binLevels(counts, edges);
      t.same(binned.counts, countInto(levels, edges), `${low} to ${high}`);
      t.equal(binned.below, levels.filter((level) => level < low).length);
      t.equal(binned.above, levels.filter((level) => level > high).length);
    }
  });

  t.test('by edges of any width', async (t) => {
    const edges = [3, 3.5, 4, 100, 254, 255];
    t.same(binEdges({ edges }, 256), edges);
    t.same(binLevels(counts, edges).counts, countInto(levels, edges));
  });

  t.test('twice as wide are the sums of pairs', async (t) => {
    for (const bins of [128, 64, 2]) {
      const fine = binLevels(counts, binEdges({ bins: 2 * bins }, 256)).counts;
      const coarse = binLevels(counts, binEdges({ bins }, 256)).counts;
      t.same(
        coarse,
        coarse.map((_, i) => (fine[2 * i] ?? 0) + (fine[2 * i + 1] ?? 0)),
      );
    }
  });

  t.test('by default one a level up to 256, for hue one a degree', async (t) => {
    t.same(
      binEdges({}, 256),
      Array.from({ length: 257 }, (_, i) => i),
    );
    t.same(
      binEdges({}, 65_536),
      Array.from({ length: 257 }, (_, i) => i * 256),
    );
    t.same(
      binEdges({}, 360),
      Array.from({ length: 361 }, (_, i) => i),
    );
  });

  t.test('whole edges are exactly whole', async (t) => {
    const wrong: string[] = [];
    for (let bins = 1; bins <= 256; bins += 1) {
      for (const high of [255, 256, 360]) {
        binEdges({ bins, level_range: [0, high] }, 360).forEach((edge, i) => {
          const isWhole = (i * high) % bins === 0;
          if (isWhole && edge !== (i * high) / bins)
            wrong.push(`edge ${i} of ${bins} up to ${high}: ${edge}`);
        });
      }
    }
    t.same(wrong, []);
  });
});

t.test('cumulative counts never fall, and as shares end at exactly 1', async (t) => {
  const plain = [3, 0, 5, 7];
  t.same(presentCounts(plain, 15, { cumulative: false, normalize: false }), plain);
  t.same(presentCounts(plain, 15, { cumulative: true, normalize: false }), [3, 3, 8, 15]);
  t.same(presentCounts(plain, 15, { cumulative: true, normalize: true }), [3 / 15, 3 / 15, 8 / 15, 1]);
  t.same(presentCounts(plain, 30, { cumulative: false, normalize: true }), [0.1, 0, 5 / 30, 7 / 30]);
  t.same(presentCounts([0, 0], 0, { cumulative: true, normalize: true }), [0, 0]);
});
