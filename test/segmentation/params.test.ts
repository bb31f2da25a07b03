import t from 'tap';
import { AppError } from '../../src/core/errors.ts';
import type { Picture } from '../../src/segmentation/labels/picture.ts';
import { METHOD_NAMES } from '../../src/segmentation/methods/index.ts';
import { drawing, resolveParams, segmentPixels } from './support.ts';

const pathsOf = (error: unknown) =>
  error instanceof AppError ? error.errors.map(({ path }) => path) : [String(error)];

const BOX = { x: 0, y: 0, width: 2, height: 2 };

t.test('defaults are filled in, and what is given stays as it is', async (t) => {
  const otsu = {
    method: 'otsu',
    channel: 'luminance',
    invert: false,
    page: 0,
    open: 0,
    close: 0,
    fill_holes: false,
    segments: 'components',
    connectivity: 8,
    min_area: 1,
    max_segments: 65_535,
  };
  t.same(resolveParams(undefined), otsu);
  t.same(resolveParams({}), otsu);
  t.same(resolveParams(otsu), otsu);
  const given = Object.freeze({ method: 'watershed' });
  t.match(resolveParams(given), { markers: { from: 'distance', min_distance: 10 } });
  t.match(resolveParams({ method: 'watershed', markers: { from: 'distance' } }), {
    markers: { min_distance: 10 },
  });
  for (const [params, segments] of [
    [{ method: 'kmeans' }, 'classes'],
    [{ method: 'multi_otsu' }, 'classes'],
    [{ method: 'multi_otsu', classes: 2 }, 'components'],
    [{ method: 'multi_otsu', segments: 'components' }, 'components'],
    [{ method: 'grabcut', box: BOX }, 'components'],
  ] as const) {
    t.equal(resolveParams(params).segments, segments);
  }
});

t.test('faults that show without the picture', async (t) => {
  for (const [params, ...paths] of [
    [[], ''],
    ['otsu', ''],
    [{ method: 'magic' }, '/method'],
    [{ method: 7 }, '/method'],
    [{ method: 'constructor' }, '/method'],
    [{ colour: 1 }, '/colour'],
    [{ 'a/b~c': 1 }, '/a~1b~0c'],
    [{ channel: 'cyan' }, '/channel'],
    [{ invert: 'yes' }, '/invert'],
    [{ connectivity: 6 }, '/connectivity'],
    [{ connectivity: '8' }, '/connectivity'],
    [{ min_area: 0 }, '/min_area'],
    [{ min_area: 1.5 }, '/min_area'],
    [{ max_segments: 65_536 }, '/max_segments'],
    [{ working_size: 15 }, '/working_size'],
    [{ open: -1, close: 1001 }, '/open', '/close'],
    [{ page: -1 }, '/page'],
    [{ segments: 'both' }, '/segments'],
    [{ fill_holes: null }, '/fill_holes'],
    [{ method: 'threshold' }, '/value'],
    [{ method: 'threshold', value: 256 }, '/value'],
    [{ method: 'threshold', value: 12.5 }, '/value'],
    [{ method: 'threshold', value: 1, adaptive: 'mean' }, '/adaptive'],
    [{ method: 'threshold', adaptive: 'median' }, '/adaptive'],
    [{ method: 'threshold', adaptive: 'mean', block_size: 4 }, '/block_size'],
    [{ method: 'threshold', adaptive: 'mean', block_size: 1 }, '/block_size'],
    [{ method: 'threshold', adaptive: 'mean', offset: 256 }, '/offset'],
    [{ method: 'multi_otsu', classes: 6 }, '/classes'],
    [{ method: 'multi_otsu', open: 2 }, '/open'],
    [{ method: 'kmeans', clusters: 1 }, '/clusters'],
    [{ method: 'kmeans', clusters: 17 }, '/clusters'],
    [{ method: 'kmeans', seed: -1 }, '/seed'],
    [{ method: 'kmeans', close: 1 }, '/close'],
    [{ method: 'kmeans', invert: true }, '/invert'],
    [{ method: 'watershed', markers: 'levels' }, '/markers'],
    [{ method: 'watershed', markers: { from: 'space' } }, '/markers/from'],
    [{ method: 'watershed', markers: {} }, '/markers/from'],
    [{ method: 'watershed', markers: { from: 'levels', low: 3 } }, '/markers/high'],
    [{ method: 'watershed', markers: { from: 'levels', low: 30, high: 30 } }, '/markers/low'],
    [{ method: 'watershed', markers: { from: 'points', points: [] } }, '/markers/points'],
    [{ method: 'watershed', markers: { from: 'points', points: [{ x: 1 }] } }, '/markers/points/0/y'],
    [{ method: 'watershed', markers: { from: 'distance', min_distance: 0 } }, '/markers/min_distance'],
    [{ method: 'watershed', open: 1 }, '/open'],
    [{ method: 'grabcut' }, '/box'],
    [{ method: 'grabcut', box: { ...BOX, width: 0 } }, '/box/width'],
    [{ method: 'grabcut', box: BOX, foreground: [{ x: -1, y: 0 }] }, '/foreground/0/x'],
    [{ method: 'grabcut', box: BOX, iterations: 21 }, '/iterations'],
    [{ method: 'color' }, '/color'],
    [{ method: 'color', color: 'reddish' }, '/color'],
    [{ method: 'color', color: '#ff0000', tolerance: -1 }, '/tolerance'],
    [{ method: 'color', point: { x: 0, y: 0, z: 0 } }, '/point/z'],
  ] as const) {
    const name = JSON.stringify(params);
    try {
      resolveParams(params);
      t.fail(`${name} was accepted`);
    } catch (error) {
      t.match(error, { code: 'validation_failed' }, name);
      t.same(pathsOf(error), paths, name);
    }
  }
});

t.test('faults that show with the picture', async (t) => {
  const picture = drawing('.#', '#.', '..');
  for (const [params, path] of [
    [{ method: 'color', point: { x: 2, y: 0 } }, '/point'],
    [{ method: 'color', point: { x: 0, y: 3 } }, '/point'],
    [{ method: 'grabcut', box: { x: 1, y: 0, width: 2, height: 1 } }, '/box'],
    [{ method: 'grabcut', box: { x: 0, y: 0, width: 2, height: 3 } }, '/box'],
    [{ method: 'grabcut', box: BOX, foreground: [{ x: 5, y: 0 }] }, '/foreground/0'],
    [
      {
        method: 'grabcut',
        box: BOX,
        background: [
          { x: 0, y: 0 },
          { x: 5, y: 0 },
        ],
      },
      '/background/1',
    ],
    [{ method: 'watershed', markers: { from: 'points', points: [{ x: 0, y: 9 }] } }, '/markers/points/0'],
    [
      {
        method: 'watershed',
        markers: { from: 'points', points: [{ x: 0, y: 0 }], background: [{ x: 9, y: 0 }] },
      },
      '/markers/background/0',
    ],
    [
      {
        method: 'watershed',
        markers: {
          from: 'points',
          points: [
            { x: 0, y: 0 },
            { x: 0, y: 0 },
          ],
        },
      },
      '/markers/points/1',
    ],
  ] as const) {
    const error = await segmentPixels(picture, params).catch((thrown: unknown) => thrown);
    t.match(error, { code: 'validation_failed' }, JSON.stringify(params));
    t.same(pathsOf(error), [path], JSON.stringify(params));
  }
});

t.test('work that would take too long for the size or the colours of the picture', async (t) => {
  const grey = (width: number, height: number): Picture => ({
    width,
    height,
    channels: 1,
    data: new Uint8Array(width * height),
  });
  const box = { x: 0, y: 0, width: 9, height: 9 };
  // 2^21 colours.
  const colorful: Picture = { width: 2048, height: 1024, channels: 3, data: new Uint8Array(3 * 2 ** 21) };
  for (let i = 0; i < 2 ** 21; i++) colorful.data.set([i >> 16, (i >> 8) & 255, i & 255], 3 * i);
  for (const [picture, params, message] of [
    [
      grey(4000, 4000),
      { method: 'grabcut', box, working_size: 3000 },
      'Expected a size that leaves at most 2500000 pixels for working_size but received 3000, which leaves 3000×3000 pixels',
    ],
    [
      grey(1600, 1600),
      { method: 'grabcut', box, working_size: 5000 },
      'Expected a size that leaves at most 2500000 pixels for working_size but received 5000, which leaves 1600×1600 pixels',
    ],
    [
      grey(3000, 2000),
      { method: 'grabcut', box, working_size: 1500, iterations: 9 },
      'Expected an integer from 1 to 8 with 1500×1000 pixels for iterations but received 9',
    ],
    [
      grey(5000, 5000),
      { method: 'threshold', adaptive: 'gaussian', block_size: 401 },
      'Expected an odd integer from 3 to 400 for gaussian with 5000×5000 pixels for block_size but received 401',
    ],
    [
      colorful,
      { method: 'kmeans', clusters: 16, max_iterations: 137 },
      'Expected an integer from 1 to 136 with 2097152 colours and 16 clusters for max_iterations but received 137',
    ],
  ] as const) {
    const error = await segmentPixels(picture, params).catch((thrown: unknown) => thrown);
    t.match(error, { code: 'validation_failed', message }, JSON.stringify(params));
  }
  t.test('a smaller copy is allowed', async (t) => {
    await t.resolves(
      segmentPixels(grey(5000, 5000), {
        method: 'threshold',
        adaptive: 'gaussian',
        block_size: 401,
        working_size: 100,
      }),
    );
    await t.resolves(
      segmentPixels(grey(5000, 5000), { method: 'threshold', adaptive: 'mean', block_size: 999 }),
    );
  });
});

t.test('faults say what was expected and what was received', async (t) => {
  const picture = drawing('.#', '#.', '..');
  for (const [params, message] of [
    [[], 'Expected an object but received an array of 0 items'],
    [{ method: 'magic' }, `Expected one of ${METHOD_NAMES.join(', ')} for method but received "magic"`],
    [
      { method: 'threshold' },
      'Expected an integer from 0 to 255 (or adaptive instead of value) for value but received nothing',
    ],
    [
      { method: 'threshold', value: 1, adaptive: 'mean' },
      'Expected nothing, because value is given, for adaptive but received "mean"',
    ],
    [
      { method: 'kmeans', close: 1 },
      'Expected 0, because kmeans gives more than two classes, for close but received 1',
    ],
    [
      { method: 'watershed', markers: { from: 'levels', low: 31, high: 30 } },
      'Expected a level below high (30) for low but received 31',
    ],
    [
      { method: 'color', point: { x: 2, y: 0 } },
      'Expected a pixel of the 2×3 picture for point but received (2, 0)',
    ],
    [
      { method: 'grabcut', box: { x: 1, y: 0, width: 2, height: 1 } },
      'Expected a box inside the 2×3 picture for box but received 2×1 at (1, 0)',
    ],
  ] as const) {
    await t.rejects(async () => segmentPixels(picture, params), { message }, message);
  }
});

t.test('every method of the table has its own parameters', async (t) => {
  t.same(METHOD_NAMES, ['otsu', 'threshold', 'multi_otsu', 'kmeans', 'watershed', 'grabcut', 'color']);
});
