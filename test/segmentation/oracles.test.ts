import sharp from 'sharp';
import t from 'tap';
import { labOfRgb } from '../../src/segmentation/methods/color-science.ts';
import { lloyd } from '../../src/segmentation/methods/kmeans.ts';
import { extractPlane } from '../../src/segmentation/methods/plane.ts';
import {
  askOracle,
  dataFile,
  decodeBytes,
  encodePicture,
  oracleSkip,
  overlap,
  readRgb,
  segment,
} from './support.ts';

const coins = dataFile('images/coins.png');
const page = dataFile('images/page.png');
const coffee = dataFile('images/coffee.png');
const horse = dataFile('images/horse.png');
const coinLabels = dataFile('oracles/coins-labels.png');

t.test(
  'thresholds and foreground of scikit-image and OpenCV',
  { skip: coins.skip || page.skip },
  async (t) => {
    for (const { path, params, thresholds, foreground } of [
      { path: coins.path, params: {}, thresholds: [107], foreground: 45_117 },
      { path: page.path, params: {}, thresholds: [157], foreground: 46_818 },
      {
        path: coins.path,
        params: { method: 'multi_otsu', classes: 2 },
        thresholds: [107],
        foreground: 45_117,
      },
      { path: coins.path, params: { method: 'multi_otsu', classes: 3 }, thresholds: [77, 139] },
      { path: coins.path, params: { method: 'multi_otsu', classes: 4 }, thresholds: [63, 107, 156] },
    ]) {
      const { result } = await segment(path, params);
      const name = `${path.split('/').at(-1)} ${JSON.stringify(params)}`;
      t.same(result.found.thresholds, thresholds, name);
      if (foreground !== undefined) t.equal(result.foreground_area, foreground, name);
    }
  },
);

t.test('components of coins and page', { skip: coins.skip || page.skip }, async (t) => {
  for (const [path, connectivity, all, large] of [
    [coins.path, 4, 154, 24],
    [coins.path, 8, 96, 24],
    [page.path, 4, 382, 2],
    [page.path, 8, 287, 2],
  ] as const) {
    const { result } = await segment(path, { connectivity });
    t.equal(result.segment_count, all);
    t.equal(result.segments.filter(({ area }) => area >= 100).length, large);
    const filtered = await segment(path, { connectivity, min_area: 100 });
    t.equal(filtered.result.segment_count, large);
    t.equal(filtered.result.dropped.min_area, all - large);
  }
});

t.test('the 24 coins by watershed', { skip: coins.skip || coinLabels.skip }, async (t) => {
  const oracle = await sharp(coinLabels.path).toColourspace('b-w').raw().toBuffer();
  const { labels, result } = await segment(coins.path, {
    method: 'watershed',
    markers: { from: 'levels', low: 30, high: 150 },
    fill_holes: true,
    min_area: 200,
  });
  t.equal(result.segment_count, 24);
  const matched = new Set<number>();
  for (const { label, centroid } of result.segments) {
    const other = oracle[Math.round(centroid.y) * result.width + Math.round(centroid.x)] ?? 0;
    matched.add(other);
    const share = overlap(
      oracle.length,
      (i) => labels.data[i] === label,
      (i) => oracle[i] === other,
    );
    t.ok(share >= 0.95, `coin ${label}: ${share.toFixed(4)}`);
  }
  matched.delete(0);
  t.equal(matched.size, 24);
});

t.test('k-means against OpenCV', { skip: oracleSkip || coffee.skip }, async (t) => {
  const rgb = await readRgb(coffee.path);
  const pixels = rgb.width * rgb.height;
  const coordinates = new Float32Array(pixels * 3);
  for (let i = 0; i < coordinates.length; i += 3) {
    const [red = 0, green = 0, blue = 0] = rgb.data.subarray(i, i + 3);
    coordinates.set(labOfRgb(red, green, blue), i);
  }
  const grey = extractPlane(rgb, 'luminance');
  for (const k of [3, 5, 8]) {
    const start = grey.map((level) => Math.min(k - 1, Math.floor((level * k) / 256)));
    const centers = new Float64Array(k * 3);
    const sizes = new Float64Array(k);
    start.forEach((cluster, i) => {
      sizes[cluster] = (sizes[cluster] as number) + 1;
      for (let axis = 0; axis < 3; axis++) {
        const at = cluster * 3 + axis;
        centers[at] = (centers[at] as number) + (coordinates[i * 3 + axis] as number);
      }
    });
    const means = centers.map((sum, at) => sum / (sizes[Math.floor(at / 3)] as number));
    const ours = lloyd({ coordinates, weights: new Uint32Array(pixels).fill(1) }, means, 100);
    const [theirs] = askOracle([
      { call: 'kmeans', rgb: encodePicture(rgb), labels: Buffer.from(start).toString('base64'), k },
    ]) as [{ compactness: number; labels: string; plus_plus: number }];
    const ratio = ours.compactness / theirs.compactness;
    t.ok(Math.abs(ratio - 1) <= 0.01, `k=${k}: compactness ${ratio.toFixed(4)} of OpenCV's`);
    const labels = decodeBytes(theirs.labels);
    const agreeing = ours.assignment.filter((cluster, i) => cluster === labels[i]).length / pixels;
    t.ok(agreeing >= 0.98, `k=${k}: ${agreeing.toFixed(4)} of the pixels agree`);
    const { result } = await segment(coffee.path, { method: 'kmeans', clusters: k, seed: 7 });
    const free = (result.found.compactness ?? Number.POSITIVE_INFINITY) / theirs.plus_plus;
    t.ok(free <= 1.01, `k=${k}: from its own start ${free.toFixed(4)} of OpenCV's best of two`);
  }
});

t.test('grabcut against OpenCV', { skip: oracleSkip || coffee.skip || horse.skip }, async (t) => {
  for (const { path, box } of [
    { path: horse.path, box: { x: 20, y: 20, width: 360, height: 290 } },
    { path: coffee.path, box: { x: 140, y: 40, width: 330, height: 300 } },
  ]) {
    const request = { call: 'grabcut', rgb: encodePicture(await readRgb(path)), box, iterations: 5 };
    const theirs = decodeBytes(askOracle([request])[0]);
    const { labels } = await segment(path, { method: 'grabcut', box });
    const share = overlap(
      theirs.length,
      (i) => labels.data[i] !== 0,
      (i) => theirs[i] === 1,
    );
    t.ok(share >= 0.95, `${path.split('/').at(-1)}: ${share.toFixed(4)}`);
  }
});
