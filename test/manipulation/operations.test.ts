import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { referenceKey } from '../../src/manipulation/operations/operation.ts';
import { OPERATION_NAMES } from '../../src/manipulation/operations/registry.ts';
import { decodePixels, differenceOf, matchPixels, type Pixels, pixelAt } from '../support/images.ts';
import { sourceOf } from './fixtures.ts';
import { fails, paintFile, type Request, transform } from './run.ts';
import { SAMPLES, WATERMARK } from './samples.ts';

const WIDTH = 96;
const HEIGHT = 64;
const LOSSLESS = { format: 'png', compression_level: 1 };

type Rgba = readonly number[];

/** An exact result: its size, and each pixel from the source's pixels. */
interface Oracle {
  name: string;
  step: object;
  size?: readonly [number, number];
  pixel(source: (x: number, y: number) => Rgba, x: number, y: number): Rgba;
  /** Levels that rounding may differ by. */
  tolerance?: number;
  translucent?: boolean;
}

const copy =
  (dx: number, dy: number): Oracle['pixel'] =>
  (source, x, y) =>
    source(x + dx, y + dy);
const eachColor =
  (change: (value: number) => number): Oracle['pixel'] =>
  (source, x, y) => {
    const [r = 0, g = 0, b = 0, alpha = 0] = source(x, y);
    return [change(r), change(g), change(b), alpha];
  };
const over = (top: Rgba, opacity: number, [r = 0, g = 0, b = 0]: Rgba): Rgba => {
  const mix = (index: number, below: number) => (top[index] ?? 0) * opacity + below * (1 - opacity);
  return [mix(0, r), mix(1, g), mix(2, b), 255];
};
const toLinear = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const toEncoded = (value: number) =>
  value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055;
const luminance = ([r = 0, g = 0, b = 0]: Rgba) =>
  255 * toEncoded(0.2126 * toLinear(r / 255) + 0.7152 * toLinear(g / 255) + 0.0722 * toLinear(b / 255));
const BORDER: Rgba = [17, 170, 51, 255];

const ORACLES: Oracle[] = [
  {
    name: 'crop to a box',
    step: { op: 'crop', left: 5, top: 7, width: 30, height: 20 },
    size: [30, 20],
    pixel: copy(5, 7),
  },
  {
    name: 'crop clipped at all sides',
    step: { op: 'crop', left: -9, top: -4, width: 500, height: 500, clip: true },
    pixel: copy(0, 0),
  },
  {
    name: 'crop clipped at a corner',
    step: { op: 'crop', left: 90, top: 60, width: 50, height: 50, clip: true },
    size: [6, 4],
    pixel: copy(90, 60),
  },
  { name: 'crop to 1:1', step: { op: 'crop', aspect_ratio: '1:1' }, size: [64, 64], pixel: copy(16, 0) },
  {
    name: 'crop to 16:9 at the bottom',
    step: { op: 'crop', aspect_ratio: '16:9', position: 'south' },
    size: [96, 54],
    pixel: copy(0, 10),
  },
  {
    name: 'crop to a size at the north east',
    step: { op: 'crop', width: 10, height: 12, position: 'northeast' },
    size: [10, 12],
    pixel: copy(86, 0),
  },
  { name: 'trim the border', step: { op: 'trim', threshold: 5 }, size: [87, 61], pixel: copy(4, 3) },
  {
    name: 'trim with a margin',
    step: { op: 'trim', background: '#f0f0e6', threshold: 5, margin: 2 },
    size: [91, 63],
    pixel: copy(2, 1),
  },
  {
    name: 'extend by a colour',
    step: { op: 'extend', top: 3, left: 2, right: 5, background: '#11aa33' },
    size: [WIDTH + 7, HEIGHT + 3],
    pixel: (source, x, y) => (x < 2 || y < 3 || x >= WIDTH + 2 ? BORDER : source(x - 2, y - 3)),
  },
  {
    name: 'extend by mirroring',
    step: { op: 'extend', left: 20, mode: 'mirror' },
    size: [WIDTH + 20, HEIGHT],
    pixel: (source, x, y) => source(x < 20 ? 19 - x : x - 20, y),
  },
  {
    name: 'extend by copying the edge',
    step: { op: 'extend', bottom: 9, mode: 'copy' },
    size: [WIDTH, HEIGHT + 9],
    pixel: (source, x, y) => source(x, Math.min(y, HEIGHT - 1)),
  },
  {
    name: 'extend by repeating',
    step: { op: 'extend', right: 30, mode: 'repeat' },
    size: [WIDTH + 30, HEIGHT],
    pixel: (source, x, y) => source(x % WIDTH, y),
  },
  {
    name: 'rotate by 90',
    step: { op: 'rotate', angle: 90 },
    size: [HEIGHT, WIDTH],
    pixel: (source, x, y) => source(y, HEIGHT - 1 - x),
  },
  {
    name: 'rotate by 180',
    step: { op: 'rotate', angle: 180 },
    pixel: (source, x, y) => source(WIDTH - 1 - x, HEIGHT - 1 - y),
  },
  {
    name: 'rotate by -90',
    step: { op: 'rotate', angle: -90 },
    size: [HEIGHT, WIDTH],
    pixel: (source, x, y) => source(WIDTH - 1 - y, x),
  },
  { name: 'rotate by 0', step: { op: 'rotate', angle: 0 }, pixel: copy(0, 0) },
  { name: 'flip', step: { op: 'flip' }, pixel: (source, x, y) => source(x, HEIGHT - 1 - y) },
  { name: 'flop', step: { op: 'flop' }, pixel: (source, x, y) => source(WIDTH - 1 - x, y) },
  { name: 'negate', step: { op: 'negate' }, pixel: eachColor((value) => 255 - value), translucent: true },
  {
    name: 'threshold each channel',
    step: { op: 'threshold', threshold: 120, grayscale: false },
    pixel: eachColor((value) => (value >= 120 ? 255 : 0)),
    translucent: true,
  },
  {
    name: 'gamma above 1',
    step: { op: 'gamma', gamma: 2.2 },
    pixel: eachColor((value) => 255 * (value / 255) ** (1 / 2.2)),
    tolerance: 1,
    translucent: true,
  },
  {
    name: 'gamma below 1',
    step: { op: 'gamma', gamma: 0.5 },
    pixel: eachColor((value) => 255 * (value / 255) ** 2),
    tolerance: 1,
  },
  {
    name: 'grayscale is the luminance',
    step: { op: 'grayscale' },
    pixel: (source, x, y) => {
      const grey = luminance(source(x, y));
      return [grey, grey, grey, source(x, y)[3] ?? 0];
    },
    tolerance: 2,
    translucent: true,
  },
  {
    name: 'flatten',
    step: { op: 'flatten', background: '#ffeedd' },
    pixel: (source, x, y) => over(source(x, y), (source(x, y)[3] ?? 0) / 255, [255, 238, 221]),
    tolerance: 1,
    translucent: true,
  },
  {
    name: 'resize by pixel doubling',
    step: { op: 'resize', width: WIDTH * 2, kernel: 'nearest' },
    size: [WIDTH * 2, HEIGHT * 2],
    pixel: (source, x, y) => source(x >> 1, y >> 1),
  },
  {
    name: 'resize without enlargement',
    step: { op: 'resize', width: 500, without_enlargement: true },
    pixel: copy(0, 0),
  },
  {
    name: 'resize to cover keeps the position',
    step: { op: 'resize', width: 96, height: 32, position: 'south' },
    size: [96, 32],
    pixel: copy(0, 32),
  },
  {
    name: 'resize to contain fills the rest',
    step: { op: 'resize', width: 100, height: 64, fit: 'contain', position: 'east', background: '#11aa33' },
    size: [100, 64],
    pixel: (source, x, y) => (x < 4 ? BORDER : source(x - 4, y)),
  },
  {
    name: 'median',
    step: { op: 'median', size: 3 },
    tolerance: 0,
    pixel: (source, x, y) => {
      const around = [-1, 0, 1].flatMap((dy) =>
        [-1, 0, 1].map((dx) => source(clamp(x + dx, WIDTH), clamp(y + dy, HEIGHT))),
      );
      const middle = (band: number) => around.map((pixel) => pixel[band] ?? 0).sort((a, b) => a - b)[4] ?? 0;
      return [middle(0), middle(1), middle(2), source(x, y)[3] ?? 0];
    },
  },
  {
    name: 'composite with opacity',
    step: { op: 'composite', overlay: WATERMARK, left: 10, top: 50, opacity: 0.5 },
    tolerance: 1,
    pixel: (source, x, y) =>
      x >= 10 && x < 30 && y >= 50 ? over([250, 0, 0], 0.5, source(x, y)) : source(x, y),
  },
  {
    name: 'composite by gravity, with a margin',
    step: { op: 'composite', overlay: WATERMARK, gravity: 'southeast', margin: 6 },
    pixel: (source, x, y) => (x >= 70 && x < 90 && y >= 38 && y < 58 ? [250, 0, 0, 255] : source(x, y)),
  },
  {
    name: 'composite from outside the corner',
    step: { op: 'composite', overlay: WATERMARK, left: -15, top: -5 },
    pixel: (source, x, y) => (x < 5 && y < 15 ? [250, 0, 0, 255] : source(x, y)),
  },
  {
    name: 'composite scaled to half the width',
    step: { op: 'composite', overlay: WATERMARK, gravity: 'northwest', scale: 0.5 },
    pixel: (source, x, y) => (x < 48 && y < 48 ? [250, 0, 0, 255] : source(x, y)),
  },
  {
    name: 'composite tiled',
    step: { op: 'composite', overlay: WATERMARK, tile: true },
    pixel: () => [250, 0, 0, 255],
  },
  {
    name: 'composite multiplied',
    step: { op: 'composite', overlay: WATERMARK, gravity: 'northwest', blend: 'multiply' },
    tolerance: 1,
    pixel: (source, x, y) => {
      const [r = 0] = source(x, y);
      return x < 20 && y < 20 ? [(r * 250) / 255, 0, 0, 255] : source(x, y);
    },
  },
];

function clamp(value: number, size: number): number {
  return Math.min(size - 1, Math.max(0, value));
}

async function oneOperation(t: Test, file: string, step: object, folder: string): Promise<Pixels> {
  const mark = path.join(folder, 'mark.png');
  const plain = { width: 20, height: 20, channels: 3, background: '#fa0000' } as const;
  await sharp({ create: plain }).toFile(mark);
  const inputs = { [referenceKey(WATERMARK)]: sourceOf(mark) };
  const result = await transform(folder, file, { operations: [step], output: LOSSLESS }, { inputs });
  const header = await sharp(result.path).metadata();
  t.match(
    { width: header.width, height: header.height, channels: header.channels, hasAlpha: header.hasAlpha },
    { width: result.width, height: result.height, channels: result.channels, hasAlpha: result.has_alpha },
    'the result says what the file says',
  );
  return decodePixels(result.path);
}

for (const { name, step, size, pixel, tolerance = 0, translucent = false } of ORACLES) {
  t.test(`${name}, exactly`, async (t) => {
    const folder = t.testdir();
    const file = await paintFile(folder, 'source.png', {
      width: WIDTH,
      height: HEIGHT,
      channels: translucent ? 4 : 3,
    });
    const source = await decodePixels(file);
    const [width, height] = size ?? [WIDTH, HEIGHT];
    const data = Buffer.alloc(width * height * 4);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const wanted = pixel((fromX, fromY) => pixelAt(source, fromX, fromY), x, y);
        data.set(wanted.map(Math.round), 4 * (y * width + x));
      }
    }
    const found = await oneOperation(t, file, step, folder);
    matchPixels(t, found, { data, width, height }, { mean: tolerance / 2, max: tolerance }, name);
  });
}

t.test('blur is a convolution with a Gaussian', async (t) => {
  const folder = t.testdir();
  const file = await paintFile(folder, 'source.png', { width: WIDTH, height: HEIGHT });
  const source = await decodePixels(file);
  const sigma = 2;
  const found = await oneOperation(t, file, { op: 'blur', sigma }, folder);
  const weights = Array.from({ length: 17 }, (_, index) => Math.exp(-((index - 8) ** 2) / (2 * sigma ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight) ** 2;
  for (const [x, y] of [
    [20, 20],
    [48, 30],
    [70, 40],
    [34, 21],
  ] as const) {
    let sum = 0;
    for (const [j, down] of weights.entries()) {
      for (const [i, across] of weights.entries())
        sum += across * down * (pixelAt(source, x + i - 8, y + j - 8)[0] ?? 0);
    }
    const difference = Math.abs((pixelAt(found, x, y)[0] ?? 0) - sum / total);
    t.ok(difference <= 3, `at ${x},${y}: ${difference.toFixed(1)} levels off`);
  }
});

t.test('what has no simple oracle has the effect that it says', async (t) => {
  const folder = t.testdir();
  const file = await paintFile(folder, 'source.png', { width: WIDTH, height: HEIGHT });
  const stats = async (step?: object) => {
    const result = await transform(folder, file, { operations: step ? [step] : [], output: LOSSLESS });
    const { channels, entropy, sharpness } = await sharp(result.path).stats();
    const { data } = await decodePixels(result.path);
    let saturation = 0;
    for (let index = 0; index < data.length; index += 4) {
      const [r = 0, g = 0, b = 0] = data.subarray(index, index + 3);
      saturation += Math.max(r, g, b) - Math.min(r, g, b);
    }
    return { ...channels[0], entropy, sharpness, saturation: (saturation * 4) / data.length, channels };
  };
  const plain = await stats();
  t.ok(
    (await stats({ op: 'sharpen', sigma: 2, m2: 10 })).sharpness > plain.sharpness * 1.1,
    'sharpen sharpens',
  );
  t.ok(
    (await stats({ op: 'modulate', saturation: 0.5 })).saturation < plain.saturation * 0.7,
    'less saturation',
  );
  t.ok((await stats({ op: 'modulate', saturation: 0 })).saturation < 2, 'no saturation is grey');
  t.ok(
    (await stats({ op: 'modulate', lightness: 20 })).channels.every(
      (band, index) => band.mean > (plain.channels[index]?.mean ?? 0),
    ),
    'lighter',
  );
  const turned = await stats({ op: 'modulate', hue: 120 });
  t.ok(Math.abs((turned.channels[0]?.mean ?? 0) - (plain.channels[0]?.mean ?? 0)) > 5, 'other hues');
  const dim = path.join(folder, 'dim.png');
  await sharp(file).linear(0.3, 80).toFile(dim);
  const stretched = await transform(folder, dim, { operations: [{ op: 'normalize' }], output: LOSSLESS });
  const range = (await sharp(stretched.path).stats()).channels;
  t.ok(
    Math.min(...range.map(({ min }) => min)) < 10 && Math.max(...range.map(({ max }) => max)) > 245,
    'normalize stretches',
  );
  const equalized = await transform(folder, dim, {
    operations: [{ op: 'clahe', width: 32, height: 32, max_slope: 0 }],
    output: LOSSLESS,
  });
  const [before, after] = [
    (await sharp(dim).stats()).channels[0],
    (await sharp(equalized.path).stats()).channels[0],
  ];
  t.ok((after?.stdev ?? 0) > 2 * (before?.stdev ?? 0), 'clahe brings out contrast');
  const [red, , blue] = (await stats({ op: 'tint', color: '#ff0000' })).channels;
  t.ok((red?.mean ?? 0) > 1.5 * (blue?.mean ?? 0), 'tint colours');
  const judged = await stats({ op: 'threshold', threshold: 128 });
  t.match(
    [judged.min, judged.max, judged.saturation, judged.channels.length],
    [0, 255, 0, 1],
    'threshold is black and white',
  );
});

t.test('rotate by any angle keeps the middle, and fills the corners', async (t) => {
  const folder = t.testdir();
  const file = await paintFile(folder, 'source.png', { width: WIDTH, height: HEIGHT });
  const found = await oneOperation(t, file, { op: 'rotate', angle: 45 }, folder);
  t.ok(
    Math.abs(found.width - 113) <= 1 && Math.abs(found.height - 113) <= 1,
    `${found.width}×${found.height}`,
  );
  t.equal(pixelAt(found, 0, 0)[3], 0, 'transparent corner');
  const back = await oneOperation(t, file, { op: 'rotate', angle: 45, background: '#336699' }, folder);
  t.same(pixelAt(back, 0, 0), [0x33, 0x66, 0x99, 255], 'coloured corner');
});

const SIZES: [object, number, number][] = [
  [{ width: 30 }, 30, 20],
  [{ height: 30 }, 45, 30],
  [{ width: 30, height: 30 }, 30, 30],
  [{ width: 30, height: 30, fit: 'inside' }, 30, 20],
  [{ width: 30, height: 30, fit: 'outside' }, 45, 30],
  [{ width: 30, height: 30, fit: 'contain' }, 30, 30],
  [{ width: 30, fit: 'fill' }, 30, 64],
  [{ width: 30, height: 90, fit: 'fill' }, 30, 90],
  [{ width: 30, height: 30, position: 'attention' }, 30, 30],
  [{ width: 30, height: 30, position: 'entropy' }, 30, 30],
  [{ width: 200, height: 30, without_enlargement: true }, 96, 30],
  [{ width: 30, height: 200, without_reduction: true }, 30, 200],
  [{ width: 1 }, 1, 1],
  [{ width: 19 }, 19, 13],
  [{ width: 13, height: 9, fit: 'outside' }, 14, 9],
];
t.test('resize to every kind of size', async (t) => {
  const folder = t.testdir();
  for (const name of ['source.png', 'source.jpg']) {
    const file = await paintFile(folder, name, { width: WIDTH, height: HEIGHT });
    for (const [params, width, height] of SIZES) {
      const result = await transform(folder, file, {
        operations: [{ op: 'resize', ...params }],
        output: LOSSLESS,
      });
      t.match(result, { width, height }, `${name} ${JSON.stringify(params)}`);
    }
  }
});

t.test('shrink-on-load does not change the size: 500×333 to width 100 had 66 rows, not 67', async (t) => {
  const folder = t.testdir();
  const file = await paintFile(folder, 'source.jpg', { width: 500, height: 333 });
  for (const params of [{ width: 100 }, { width: 100, height: 100, fit: 'inside' }]) {
    const result = await transform(folder, file, { operations: [{ op: 'resize', ...params }] });
    t.match(result, { width: 100, height: 67 });
  }
});

t.test('smart crops keep what draws the eye', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'scene.png');
  const plain = sharp({ create: { width: 200, height: 100, channels: 3, background: '#808890' } });
  const spot = { input: await paintFile(folder, 'spot.png', { width: 30, height: 30 }), left: 160, top: 10 };
  writeFileSync(file, await plain.composite([spot]).png().toBuffer());
  for (const position of ['attention', 'entropy']) {
    for (const form of [{ width: 50, height: 50 }, { aspect_ratio: '1:2' }]) {
      const result = await transform(folder, file, {
        operations: [{ op: 'crop', position, ...form }],
        output: LOSSLESS,
      });
      t.match(result, { width: 50, height: form.height ?? 100 });
      const { data } = await decodePixels(result.path);
      let others = 0;
      for (let index = 0; index < data.length; index += 4) if (data[index] !== 0x80) others += 1;
      t.ok(others > 600, `${position} ${JSON.stringify(form)}: ${others} pixels of the spot`);
    }
  }
});

const MISFITS: [string, object, string, string][] = [
  [
    'a crop outside',
    { op: 'crop', left: 90, top: 0, width: 10, height: 10 },
    'validation_failed',
    '/operations/0/width',
  ],
  [
    'a crop above',
    { op: 'crop', left: 0, top: -1, width: 10, height: 10 },
    'validation_failed',
    '/operations/0/top',
  ],
  [
    'a clipped crop outside',
    { op: 'crop', left: 96, top: 0, width: 9, height: 9, clip: true },
    'validation_failed',
    '/operations/0/left',
  ],
  [
    'a smart crop too wide',
    { op: 'crop', width: 97, height: 9, position: 'attention' },
    'validation_failed',
    '/operations/0/width',
  ],
  [
    'an overlay outside',
    { op: 'composite', overlay: WATERMARK, left: 96, top: 0 },
    'validation_failed',
    '/operations/0/left',
  ],
  [
    'a window above the picture',
    { op: 'clahe', width: 97, height: 9 },
    'validation_failed',
    '/operations/0/width',
  ],
  ['a resize too large', { op: 'resize', height: 65_535 }, 'output_too_large', '/operations/0/height'],
  [
    'an extend too large',
    { op: 'extend', bottom: 65_535, right: 65_535 },
    'output_too_large',
    '/operations/0/right',
  ],
];
t.test('a default that does not fit the picture is adapted to it', async (t) => {
  const folder = t.testdir();
  const lossless = { format: 'png' };
  for (const [width, height] of [
    [50, 40],
    [96, 20],
    [2, 40],
    [1, 1],
  ] as const) {
    const file = await paintFile(folder, `${width}x${height}.png`, { width, height });
    const pixelsOf = async (step: object) => {
      const { path: result } = await transform(folder, file, { operations: [step], output: lossless });
      return (await decodePixels(result)).data;
    };
    const window = { width: Math.min(64, width), height: Math.min(64, height) };
    t.same(await pixelsOf({ op: 'clahe' }), await pixelsOf({ op: 'clahe', ...window }), `${width}×${height}`);
    const unchanged = { op: 'rotate', angle: 0 };
    const filtered = Math.min(width, height) < 3 ? unchanged : { op: 'median', size: 3 };
    t.same(await pixelsOf({ op: 'median' }), await pixelsOf(filtered), `${width}×${height}`);
  }
  const file = await paintFile(folder, 'small.png', { width: 2, height: 2 });
  for (const [step, at] of [
    [{ op: 'clahe', width: 3 }, '/operations/0/width'],
    [{ op: 'median', size: 3 }, '/operations/0/size'],
  ] as const) {
    await fails(t, transform(folder, file, { operations: [step] }), 'validation_failed', at, 'given');
  }
});

t.test('parameters that do not fit the picture', async (t) => {
  const folder = t.testdir();
  const file = await paintFile(folder, 'source.png', { width: WIDTH, height: HEIGHT });
  const inputs = {
    [referenceKey(WATERMARK)]: sourceOf(await paintFile(folder, 'mark.png', { width: 8, height: 8 })),
  };
  for (const [name, step, code, at] of MISFITS) {
    await fails(t, transform(folder, file, { operations: [step] }, { inputs }), code, at, name);
  }
  const second: Request = {
    operations: [{ op: 'flip' }, { op: 'crop', left: 0, top: 0, width: 97, height: 1 }],
  };
  await fails(
    t,
    transform(folder, file, second),
    'validation_failed',
    '/operations/1/width',
    'the second operation is named',
  );
  const limits = { maxOutputPixels: 10_000 };
  const twice: Request = {
    operations: [
      { op: 'resize', width: 200 },
      { op: 'resize', width: 10 },
    ],
  };
  await fails(
    t,
    transform(folder, file, twice, { limits }),
    'output_too_large',
    '/operations/0/width',
    'steps on the way are held to the limit',
  );
  const tall: Request = {
    operations: [{ op: 'resize', width: 1, height: 20_000, fit: 'fill' }],
    output: { format: 'webp' },
  };
  await fails(t, transform(folder, file, tall), 'output_too_large', '/output/format', 'more than WebP holds');
  const wide: Request = {
    operations: [{ op: 'resize', width: 65_501, height: 1, fit: 'fill' }],
    output: { format: 'jpeg' },
  };
  await fails(
    t,
    transform(folder, file, wide),
    'output_too_large',
    '/output/format',
    'more than libjpeg writes',
  );
  await fails(
    t,
    transform(folder, file, {}, { limits: { maxPixels: 1000 } }),
    'too_many_pixels',
    undefined,
    'a picture over the limit',
  );
});

t.test('every operation works on tiny, grey and translucent pictures', async (t) => {
  const folder = t.testdir();
  const pictures: Record<string, Buffer> = {
    '1×1': await sharp({ create: { width: 1, height: 1, channels: 3, background: '#abc' } })
      .png()
      .toBuffer(),
    grey: await sharp(await paintFile(folder, 'a.png'))
      .toColourspace('b-w')
      .png()
      .toBuffer(),
    'grey with alpha': await sharp(await paintFile(folder, 'b.png', { channels: 4 }))
      .toColourspace('b-w')
      .png()
      .toBuffer(),
    '16-bit': await sharp(await paintFile(folder, 'c.png'))
      .toColourspace('rgb16')
      .png()
      .toBuffer(),
    palette: await sharp(await paintFile(folder, 'd.png'))
      .png({ palette: true })
      .toBuffer(),
  };
  const inputs = {
    [referenceKey(WATERMARK)]: sourceOf(await paintFile(folder, 'mark.png', { width: 8, height: 8 })),
  };
  for (const [name, bytes] of Object.entries(pictures)) {
    const file = path.join(folder, `${name}.png`);
    writeFileSync(file, bytes);
    const flat = path.join(folder, `${name}-rgb.png`);
    writeFileSync(flat, await sharp(file).toColourspace('srgb').png().toBuffer());
    for (const op of OPERATION_NAMES) {
      if (name === '1×1' && ['clahe', 'median'].includes(op)) continue;
      const step =
        op === 'crop' || op === 'composite'
          ? { ...SAMPLES[op], ...(name === '1×1' ? TINY[op] : {}) }
          : SAMPLES[op];
      const found = await transform(folder, file, { operations: [step], output: LOSSLESS }, { inputs });
      const wanted = await transform(folder, flat, { operations: [step], output: LOSSLESS }, { inputs });
      const { mean } = differenceOf(await decodePixels(found.path), await decodePixels(wanted.path));
      if (mean > 2) t.fail(`${op} on ${name}: mean difference to its RGB form ${mean}`);
    }
    t.pass(`all operations on ${name} are those on its RGB form`);
  }
});
const TINY = { crop: { left: 0, top: 0 }, composite: { margin: 0 } };

t.test('borders of pictures narrower than the window that libvips smooths in', async (t) => {
  const folder = t.testdir();
  const sizes: [width: number, height: number][] = [
    [2, 40],
    [40, 1],
  ];
  for (const [width, height] of sizes) {
    const file = path.join(folder, `${width}.png`);
    // The half that comes first is border.
    const pixels = Buffer.alloc(width * height, 200).fill(0, (width * height) / 2);
    await sharp(pixels, { raw: { width, height, channels: 1 } })
      .png()
      .toFile(file);
    const trimmed = await transform(folder, file, { operations: [{ op: 'trim' }], output: LOSSLESS });
    const expected = width < height ? { width, height: height / 2 } : { width: width / 2, height };
    t.match(trimmed, expected, `${width}×${height}`);
  }
});
