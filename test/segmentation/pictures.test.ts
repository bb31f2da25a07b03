import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import t from 'tap';
import { readLabelMap } from '../../src/segmentation/labels/label-map.ts';
import { METHOD_NAMES, type MethodName } from '../../src/segmentation/methods/index.ts';
import type { SegmentationResult } from '../../src/segmentation/schemas.ts';
import { segmentFile } from '../../src/segmentation/segment.ts';
import { runSegmentation } from '../../src/segmentation/task.ts';
import { dataFile, LIMITS, resolveParams, segment, segmentPixels, sourceOf } from './support.ts';

/** A call of each method that fits a picture of any size. */
const CALLS: Record<MethodName, (width: number, height: number) => object> = {
  otsu: () => ({}),
  threshold: () => ({ method: 'threshold', adaptive: 'gaussian', block_size: 5 }),
  multi_otsu: () => ({ method: 'multi_otsu', classes: 5 }),
  kmeans: () => ({ method: 'kmeans', clusters: 4 }),
  watershed: () => ({ method: 'watershed' }),
  grabcut: (width, height) => ({
    method: 'grabcut',
    box: { x: 0, y: 0, width: Math.ceil(width / 2), height: Math.ceil(height / 2) },
    iterations: 1,
  }),
  color: () => ({ method: 'color', point: { x: 0, y: 0 } }),
};

const EDGE_CASES = [
  { name: '1×1', width: 1, height: 1, color: { r: 90, g: 40, b: 200, alpha: 1 } },
  { name: '1×10,000', width: 1, height: 10_000, color: { r: 90, g: 40, b: 200, alpha: 1 } },
  { name: '10,000×1', width: 10_000, height: 1, color: { r: 90, g: 40, b: 200, alpha: 1 } },
  { name: 'all black', width: 40, height: 30, color: { r: 0, g: 0, b: 0, alpha: 1 } },
  { name: 'all white', width: 40, height: 30, color: { r: 255, g: 255, b: 255, alpha: 1 } },
  { name: 'fully transparent', width: 40, height: 30, color: { r: 255, g: 0, b: 0, alpha: 0 } },
];

t.test('pictures with nothing to part, by every method', async (t) => {
  const folder = t.testdir();
  for (const { name, width, height, color } of EDGE_CASES) {
    const file = path.join(folder, `${width}x${height}-${color.r}-${color.alpha}.png`);
    await sharp({ create: { width, height, channels: 4, background: color } })
      .png()
      .toFile(file);
    for (const method of METHOD_NAMES) {
      const params = CALLS[method](width, height);
      const outcome = await segment(file, params).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        // One pixel leaves no background to learn from.
        t.match(outcome, { code: 'validation_failed', errors: [{ path: '/box' }] }, `${name}, ${method}`);
        t.equal(`${name}, ${method}`, '1×1, grabcut');
        continue;
      }
      const { labels, result } = outcome as Awaited<ReturnType<typeof segment>>;
      t.match(result, { method, width, height }, `${name}, ${method}`);
      t.equal(labels.data.length, width * height);
      t.equal(
        labels.data.filter((label) => label !== 0).length,
        result.foreground_area,
        `${name}, ${method}`,
      );
      if (color.alpha === 0) t.equal(result.segment_count, 0, `${name}, ${method}`);
      if (method === 'otsu')
        t.equal(result.segment_count, 0, `${name} has one level, so nothing is above it`);
      if ((method === 'color' || method === 'kmeans') && color.alpha === 1) {
        t.match(result.segments, [{ label: 1, area: width * height, touches_border: true }]);
      }
    }
  }
});

t.test('a column of 10,000 pixels with one object', async (t) => {
  const data = new Uint8Array(10_000).fill(20).fill(220, 4000, 4500);
  for (const [width, height] of [
    [1, 10_000],
    [10_000, 1],
  ] as const) {
    for (const params of [
      {},
      { method: 'threshold', value: 100 },
      { method: 'multi_otsu', classes: 2 },
      { method: 'watershed', markers: { from: 'levels', low: 50, high: 200 } },
      { method: 'kmeans', clusters: 2 },
      { open: 3, close: 3, fill_holes: true },
    ]) {
      const { labels, result } = await segmentPixels({ width, height, channels: 1, data }, params);
      const label = labels.data[4200];
      t.match(
        result.segments.find((found) => found.label === label),
        { area: 500, bounding_box: width === 1 ? { y: 4000, height: 500 } : { x: 4000, width: 500 } },
        JSON.stringify(params),
      );
    }
  }
});

t.test('fully transparent pixels count nowhere', async (t) => {
  const data = Uint8Array.from([255, 0, 255, 0, 100, 255, 50, 255]);
  const { labels, result } = await segmentPixels({ width: 4, height: 1, channels: 2, data }, {});
  t.same([...labels.data], [0, 0, 1, 0]);
  t.same(result.found.thresholds, [50]);
  t.same(result.color_channels, ['grey']);
  const alpha = await segmentPixels({ width: 4, height: 1, channels: 2, data }, { channel: 'alpha' });
  t.same([...alpha.labels.data], [0, 0, 1, 1]);
});

/** A picture whose left half is dark and right half is bright. */
async function halves(): Promise<Sharp> {
  const data = Uint8Array.from({ length: 60 * 40 }, (_, i) => (i % 60 < 30 ? 40 : 210));
  const png = await sharp(data, { raw: { width: 60, height: 40, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  return sharp(png);
}

t.test('files of other kinds', async (t) => {
  const folder = t.testdir();
  const at = (name: string) => path.join(folder, name);
  await (await halves()).toColourspace('cmyk').jpeg({ quality: 95 }).toFile(at('cmyk.jpg'));
  await (await halves()).toColourspace('grey16').png().toFile(at('16-bit.png'));
  await (await halves()).ensureAlpha(0.5).toColourspace('rgb16').png().toFile(at('16-bit-alpha.png'));
  await (await halves()).jpeg({ quality: 95 }).withMetadata({ orientation: 6 }).toFile(at('turned.jpg'));
  const right = { bounding_box: { x: 30, y: 0, width: 30, height: 40 }, area: 1200 };
  const cases: [string, Partial<SegmentationResult>][] = [
    ['cmyk.jpg', { width: 60, segments: [right] as SegmentationResult['segments'] }],
    [
      '16-bit.png',
      { width: 60, color_channels: ['grey'], segments: [right] as SegmentationResult['segments'] },
    ],
  ];
  const alpha = await segment(at('16-bit-alpha.png'), { method: 'threshold', channel: 'alpha', value: 126 });
  t.equal(alpha.result.foreground_area, 2400, 'alpha of one half');
  for (const [name, expected] of cases) t.match((await segment(at(name), {})).result, expected, name);
  // Turned by 90° clockwise, the right half becomes the lower one.
  t.match((await segment(at('turned.jpg'), {})).result, {
    width: 40,
    height: 60,
    segments: [{ bounding_box: { x: 0, y: 30, width: 40, height: 30 } }],
  });
});

t.test('an image process’s task writes the label map and the measurements', async (t) => {
  const folder = t.testdir();
  const source = sourceOf(path.join(folder, 'halves.png'));
  await (await halves()).toFile(source.path);
  const task = {
    inputs: [{ ...source, documentPath: null, filename: 'halves.png' }],
    params: resolveParams({}),
    outputPath: path.join(folder, 'labels.png'),
    documentPath: path.join(folder, 'segments.json'),
    limits: LIMITS,
  };
  const { content, document, result: summary } = await runSegmentation(task);
  for (const [file, said] of [
    [task.outputPath, content],
    [task.documentPath, document],
  ] as const) {
    const written = await readFile(file);
    t.strictSame(said, {
      size: written.length,
      sha256: createHash('sha256').update(written).digest('hex'),
    });
  }
  const { segments, ...rest } = JSON.parse(await readFile(task.documentPath, 'utf8'));
  t.same(rest, summary);
  t.equal(segments.length, 1);
  const { data } = await readLabelMap(task.outputPath);
  t.same([data[29], data[30]], [0, 1]);
  await t.rejects(runSegmentation(task), { code: 'EEXIST' });
});

t.test('pages of an animation', async (t) => {
  const file = path.join(t.testdir(), 'animated.gif');
  const frames = await Promise.all(
    [10, 20].map((left) =>
      sharp({ create: { width: 40, height: 20, channels: 3, background: '#000' } })
        .composite([
          { input: { create: { width: 5, height: 5, channels: 3, background: '#fff' } }, left, top: 3 },
        ])
        .png()
        .toBuffer(),
    ),
  );
  await sharp(frames, { join: { animated: true } })
    .gif({ delay: [100, 100] })
    .toFile(file);
  for (const [params, x] of [
    [{}, 10],
    [{ page: 0 }, 10],
    [{ page: 1 }, 20],
  ] as const) {
    t.match((await segment(file, params)).result, {
      width: 40,
      height: 20,
      segments: [{ area: 25, bounding_box: { x, y: 3 } }],
    });
  }
  await t.rejects(segment(file, { page: 2 }), { code: 'validation_failed', errors: [{ path: '/page' }] });
});

t.test('pictures that are refused', async (t) => {
  const folder = t.testdir({ 'text.png': 'not a picture' });
  const file = path.join(folder, 'large.png');
  await (await halves()).toFile(file);
  await t.rejects(segment(path.join(folder, 'text.png'), {}), { code: 'undecodable_image' });
  await t.rejects(segmentFile(sourceOf(file), resolveParams({}), { ...LIMITS, maxPixels: 2399 }), {
    code: 'too_many_pixels',
  });
});

for (const [name, params, expected] of [
  ['cmyk.jpg', {}, { width: 500, height: 333, color_channels: ['red', 'green', 'blue'] }],
  [
    '16bit-grey-alpha.png',
    { channel: 'alpha', method: 'threshold', value: 0 },
    { width: 109, height: 96, foreground_area: 109 * 96 - 2741 },
  ],
  ['cielab.tif', { method: 'kmeans' }, { width: 400, height: 266, segment_count: 4 }],
  ['animated.gif', { page: 7 }, { width: 80, height: 80 }],
  ['multipage.tif', { page: 1, working_size: 400 }, { width: 1232, height: 1624, color_channels: ['grey'] }],
  ['exif-orientation-6.jpg', { working_size: 200 }, { width: 1800, height: 1200 }],
] as const) {
  const { path: file, skip } = dataFile(`images/${name}`);
  t.test(`the real ${name}`, { skip }, async (t) => {
    const { labels, result } = await segment(file, params);
    t.match(result, expected);
    t.equal(labels.data.length, result.width * result.height);
    t.equal(
      result.segments.reduce((sum, { area }) => sum + area, 0),
      result.foreground_area,
    );
    t.ok(result.segment_count > 0);
  });
}
