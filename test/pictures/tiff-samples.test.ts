import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { inspectImage } from '../../src/pictures/inspect.ts';
import { readPicture } from '../../src/segmentation/read-picture.ts';
import { LIMITS, sourceOf } from '../manipulation/fixtures.ts';
import { transform } from '../manipulation/run.ts';
import { DATA, type TiffEntry, writeTiff } from './tiff-files.ts';
import { refusalOf, usersOfPictures } from './users.ts';

const folder = t.testdir();
const [WIDTH, HEIGHT] = [16, 16];
const users = usersOfPictures(path.join(folder, 'result'));

type Format = 'uint' | 'int' | 'float';
const FORMAT_CODES = { uint: 1, int: 2, float: 3 };

interface Description {
  format?: Format;
  bits?: 8 | 16 | 32 | 64;
  photometric: number;
  channels: number;
  extraSamples?: number[];
  planar?: boolean;
  /** SMinSampleValue and SMaxSampleValue. */
  range?: [number, number];
  more?: TiffEntry[];
}

/** Bytes of a floating-point number, as the values of an entry of type 11 (four bytes each). */
const floatBits = (value: number) => new Uint32Array(new Float32Array([value]).buffer)[0] ?? 0;

/** A TIFF of samples: H×W×channels. */
function tiffOf(samples: readonly number[], description: Description): Buffer {
  const {
    format = 'uint',
    bits = 8,
    photometric,
    channels,
    extraSamples,
    planar,
    range,
    more = [],
  } = description;
  const bytes = bits / 8;
  const data = Buffer.alloc(samples.length * bytes);
  const count = samples.length / channels;
  samples.forEach((value, i) => {
    const at = (planar ? (i % channels) * count + Math.floor(i / channels) : i) * bytes;
    if (format === 'float' && bits === 64) data.writeDoubleLE(value, at);
    else if (format === 'float' && bits === 32) data.writeFloatLE(value, at);
    else if (format === 'float') data.writeUInt16LE(toHalf(value), at);
    else if (format === 'int') data.writeIntLE(value, at, Math.min(bytes, 6));
    else data.writeUIntLE(value, at, Math.min(bytes, 6));
  });
  const planes = planar ? channels : 1;
  const entries: TiffEntry[] = [
    [256, 4, [WIDTH]],
    [257, 4, [HEIGHT]],
    [258, 3, Array<number>(channels).fill(bits)],
    [259, 3, [1]],
    [262, 3, [photometric]],
    [273, 4, Array.from({ length: planes }, (_, i) => DATA - (i * data.length) / planes)],
    [277, 3, [channels]],
    [278, 4, [HEIGHT]],
    [279, 4, Array<number>(planes).fill(data.length / planes)],
    [284, 3, [planar ? 2 : 1]],
    ...(extraSamples === undefined ? [] : [[338, 3, extraSamples] satisfies TiffEntry]),
    [339, 3, Array<number>(channels).fill(FORMAT_CODES[format])],
    ...(range === undefined
      ? []
      : ([
          [340, 11, [floatBits(range[0])]],
          [341, 11, [floatBits(range[1])]],
        ] satisfies TiffEntry[])),
    ...more,
  ];
  return writeTiff(
    entries.sort(([a], [b]) => a - b),
    data,
  );
}

/** IEEE 754 binary16 of a number from 0 to 1, rounded down. */
function toHalf(value: number): number {
  if (value < 2 ** -14) return Math.floor(value * 2 ** 24);
  const exponent = Math.floor(Math.log2(value));
  return ((exponent + 15) << 10) | Math.floor((value / 2 ** exponent - 1) * 1024);
}

/** A ramp from 0 to 1 over all pixels, the same from 1 to 0, and one of columns. */
const COUNT = WIDTH * HEIGHT;
const ramps = [
  (i: number) => i / (COUNT - 1),
  (i: number) => 1 - i / (COUNT - 1),
  (i: number) => (i % WIDTH) / (WIDTH - 1),
  (i: number) => Math.floor(i / WIDTH) / (HEIGHT - 1),
];

/** Asserts that all routes show a file as these pixels: H×W×4, up to a level. */
async function shows(
  t: Test,
  name: string,
  bytes: Buffer,
  expected: (i: number) => number[],
  tolerance = 1,
): Promise<void> {
  const file = path.join(folder, 'picture.tif');
  writeFileSync(file, bytes);
  for (const user of users) await t.resolves(user.read(sourceOf(file)), `${name}, ${user.name}`);
  const { path: png } = await transform(folder, file, { output: { format: 'png', compression_level: 1 } });
  const shown = await sharp(png).toColourspace('srgb').ensureAlpha().raw().toBuffer();
  const seen = await readPicture(sourceOf(file), 0, LIMITS);
  let most = 0;
  let apart = 0;
  for (let i = 0; i < COUNT; i += 1) {
    const [red = 0, green = 0, blue = 0, alpha = 255] = expected(i);
    [red, green, blue, alpha].forEach((value, band) => {
      most = Math.max(most, Math.abs(value - (shown[4 * i + band] ?? 0)));
    });
    const grey = seen.channels < 3;
    const first = seen.data[i * seen.channels] ?? 0;
    const second = seen.data[i * seen.channels + (grey ? 0 : 1)] ?? 0;
    apart = Math.max(
      apart,
      Math.abs(first - (shown[4 * i] ?? 0)),
      Math.abs(second - (shown[4 * i + 1] ?? 0)),
    );
  }
  t.ok(most <= tolerance, `${name}: ${most} levels apart`);
  t.equal(apart, 0, `${name}: segmentation sees the same`);
}

const level = (value: number) => Math.round(255 * value);

t.test('samples of every type are scaled from their range to 8 bits', async (t) => {
  const types: [Format, 8 | 16 | 32, (value: number) => number, [number, number] | null][] = [
    ['uint', 8, (v) => Math.round(v * 255), null],
    ['uint', 16, (v) => Math.round(v * 65_535), null],
    ['uint', 32, (v) => Math.round(v * 4_294_967_295), [0, 4_294_967_295]],
    ['int', 8, (v) => Math.round(v * 255) - 128, [-128, 127]],
    ['int', 16, (v) => Math.round(v * 65_535) - 32_768, [-32_768, 32_767]],
    ['int', 32, (v) => Math.round(v * 4_294_967_295) - 2_147_483_648, [-2_147_483_648, 2_147_483_647]],
    ['float', 16, (v) => v, [0, 1]],
    ['float', 32, (v) => v, [0, 1]],
  ];
  for (const [format, bits, toSample, range] of types) {
    for (const [photometric, colors] of [
      [0, 1],
      [1, 1],
      [2, 3],
    ] as const) {
      for (const alpha of [undefined, 2, 1] as const) {
        for (const planar of [false, true]) {
          const channels = colors + (alpha === undefined ? 0 : 1);
          const samples = Array.from({ length: COUNT }, (_, i) => {
            // Colours that are multiplied by alpha are at most alpha.
            const opacity = alpha === undefined ? [] : [alpha === 1 ? 1 : (ramps[3]?.(i) ?? 0)];
            return [...ramps.slice(0, colors).map((ramp) => ramp(i)), ...opacity].map(toSample);
          }).flat();
          const name = `${format}${bits}, photometric ${photometric}, alpha ${alpha}, ${planar ? 'planar' : 'chunky'}`;
          const extraSamples = alpha === undefined ? {} : { extraSamples: [alpha] };
          const bytes = tiffOf(samples, { format, bits, photometric, channels, planar, ...extraSamples });
          await shows(t, name, bytes, (i) => {
            const shown = ramps
              .slice(0, colors)
              .map((ramp) => level(photometric === 0 ? 1 - ramp(i) : ramp(i)));
            const [red = 0, green = red, blue = red] = shown;
            return [red, green, blue, alpha === 2 ? level(ramps[3]?.(i) ?? 0) : 255];
          });
          const { details } = await inspectImage(sourceOf(path.join(folder, 'picture.tif')), LIMITS);
          t.same(details.sample_range ?? null, range, `${name}: the range`);
        }
      }
    }
  }
});

t.test('tags state the range of floating-point numbers', async (t) => {
  const samples = Array.from({ length: COUNT }, (_, i) => -500 + 3500 * (ramps[0]?.(i) ?? 0));
  const stated = tiffOf(samples, {
    format: 'float',
    bits: 32,
    photometric: 1,
    channels: 1,
    range: [-500, 3000],
  });
  await shows(t, 'stated', stated, (i) => Array<number>(3).fill(level(ramps[0]?.(i) ?? 0)));

  const narrow = tiffOf(samples, {
    format: 'float',
    bits: 32,
    photometric: 1,
    channels: 1,
    range: [0, 1000],
  });
  await shows(t, 'narrower', narrow, (i) =>
    Array<number>(3).fill(Math.min(Math.max(level((samples[i] ?? 0) / 1000), 0), 255)),
  );

  for (const range of [undefined, [7, 7]] as ([number, number] | undefined)[]) {
    const bytes = tiffOf(samples, {
      format: 'float',
      bits: 32,
      photometric: 1,
      channels: 1,
      ...(range ? { range } : {}),
    });
    const file = path.join(folder, 'unstated.tif');
    writeFileSync(file, bytes);
    for (const user of users) {
      const { code, detail } = await refusalOf(user.read(sourceOf(file)));
      t.equal(code, 'undecodable_image', user.name);
      t.match(
        detail,
        /floating-point numbers from -500 to 3000, and its tags SMinSampleValue and SMaxSampleValue/,
      );
    }
  }
});

t.test('numbers that are not finite are shown as the ends of the range', async (t) => {
  const special = [Number.NaN, Number.NEGATIVE_INFINITY, 0.5];
  const samples = Array.from({ length: COUNT }, (_, i) => special[i] ?? 1);
  const bytes = tiffOf(samples, { format: 'float', bits: 32, photometric: 1, channels: 1, range: [0, 1] });
  await shows(t, 'special', bytes, (i) => Array<number>(3).fill([0, 0, 128][i] ?? 255));
});

t.test('ExtraSamples says which sample is alpha', async (t) => {
  const colors = (i: number) => ramps.slice(0, 3).map((ramp) => level(ramp(i)));
  for (const bits of [8, 16] as const) {
    for (const [extraSamples, alpha] of [
      [[0, 0], undefined],
      [[0, 2], 4],
      [[2, 0], 3],
    ] as const) {
      const channels = 3 + extraSamples.length;
      const samples = Array.from({ length: COUNT }, (_, i) => {
        const extras = extraSamples.map((_, band) => (3 + band === alpha ? level(ramps[3]?.(i) ?? 0) : 7));
        return [...colors(i), ...extras].map((value) => value * (bits === 16 ? 257 : 1));
      }).flat();
      const bytes = tiffOf(samples, { bits, photometric: 2, channels, extraSamples: [...extraSamples] });
      await shows(t, `${bits} bits, ${extraSamples}`, bytes, (i) => [
        ...colors(i),
        alpha === undefined ? 255 : level(ramps[3]?.(i) ?? 0),
      ]);
    }
  }
  const grey = Array.from({ length: COUNT }, (_, i) => [level(ramps[0]?.(i) ?? 0), 9, 8]).flat();
  const bytes = tiffOf(grey, { photometric: 1, channels: 3, extraSamples: [0, 0] });
  await shows(t, 'grey with two more samples', bytes, (i) =>
    Array<number>(3).fill(level(ramps[0]?.(i) ?? 0)),
  );
});

t.test('colours that are multiplied by alpha are divided by it', async (t) => {
  for (const format of ['int', 'float'] as const) {
    const toSample = (value: number) => (format === 'float' ? value : Math.round(value * 65_535) - 32_768);
    const bits = format === 'float' ? 32 : 16;
    const samples = Array.from({ length: COUNT }, () => [0.25, 0.5, 0, 0.5].map(toSample)).flat();
    const bytes = tiffOf(samples, { format, bits, photometric: 2, channels: 4, extraSamples: [1] });
    await shows(t, format, bytes, () => [128, 255, 0, 128]);
  }
});

t.test('colour models', async (t) => {
  // CIELAB of sRGB's red, grey and blue for the white D50, by ICC.
  const lab = [
    [54.29, 80.81, 69.89],
    [53.59, 0, 0],
    [29.57, 68.3, -112.03],
  ];
  const srgb = [
    [255, 0, 0],
    [128, 128, 128],
    [0, 0, 255],
  ];
  const pixels = Array.from({ length: COUNT }, (_, i) => i % 3);
  for (const bits of [8, 16] as const) {
    const unit = 2 ** (bits - 8);
    const wrap = (value: number) => (value < 0 ? value + 2 ** bits : value);
    for (const [photometric, offset] of [
      [8, 0],
      [9, 128],
    ] as const) {
      const samples = pixels.flatMap((color) => {
        const [l = 0, a = 0, b = 0] = lab[color] ?? [];
        const shift = (value: number) => wrap(Math.round((value + offset) * unit));
        return [Math.round((l / 100) * (2 ** bits - 1)), shift(a), shift(b)];
      });
      const bytes = tiffOf(samples, { bits, photometric, channels: 3 });
      // A step of 8-bit a and b is up to 5 levels of a saturated colour.
      const tolerance = bits === 8 ? 5 : 1;
      await shows(
        t,
        `CIELAB ${photometric}, ${bits} bits`,
        bytes,
        (i) => srgb[pixels[i] ?? 0] ?? [],
        tolerance,
      );
      const opaque = pixels.flatMap((_, i) => [...samples.slice(3 * i, 3 * i + 3), 2 ** bits - 1]);
      const withAlpha = tiffOf(opaque, { bits, photometric, channels: 4, extraSamples: [2] });
      await shows(
        t,
        `CIELAB ${photometric}, ${bits} bits, alpha`,
        withAlpha,
        (i) => srgb[pixels[i] ?? 0] ?? [],
        tolerance,
      );
    }
  }
  const yCbCr = pixels.flatMap(
    (color) =>
      [
        [76, 85, 255],
        [128, 128, 128],
        [29, 255, 107],
      ][color] ?? [],
  );
  const subsampling: TiffEntry = [530, 3, [1, 1]];
  const full: TiffEntry = [532, 5, [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1]];
  await shows(
    t,
    'YCbCr',
    tiffOf(yCbCr, { photometric: 6, channels: 3, more: [subsampling] }),
    (i) => srgb[pixels[i] ?? 0] ?? [],
    2,
  );
  await shows(
    t,
    'YCbCr with a reference',
    tiffOf(yCbCr, { photometric: 6, channels: 3, more: [subsampling, full] }),
    (i) => srgb[pixels[i] ?? 0] ?? [],
    2,
  );
  // Levels of video.
  const video: TiffEntry = [532, 5, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1]];
  const white = Array<number[]>(COUNT).fill([235, 128, 128]).flat();
  await shows(
    t,
    'YCbCr of video',
    tiffOf(white, { photometric: 6, channels: 3, more: [subsampling, video] }),
    () => [255, 255, 255],
  );
});

t.test('what is not read is named', async (t) => {
  const samples = (channels: number) => Array<number>(COUNT * channels).fill(0);
  const cases: [string, Description, RegExp][] = [
    [
      'double',
      { format: 'float', bits: 64, photometric: 1, channels: 1 },
      /floating-point numbers of 64 bits; integers of 8, 16 and 32 bits/,
    ],
    ['64 bits', { bits: 64, photometric: 1, channels: 1 }, /unsigned integers of 64 bits/],
    [
      'CMYK of signed integers',
      { format: 'int', photometric: 5, channels: 4 },
      /signed integers of 8 bits, which are read only in grey and RGB/,
    ],
    [
      'CMYK of 32 bits',
      { bits: 32, photometric: 5, channels: 4 },
      /unsigned integers of 32 bits, which are read only in grey and RGB/,
    ],
    ['CIELAB of 32 bits', { bits: 32, photometric: 8, channels: 3 }, /read only in grey and RGB/],
    [
      'LogLuv',
      { photometric: 32_845, channels: 3 },
      /its colours \(PhotometricInterpretation 32845\) are not read/,
    ],
    ['a colour filter array', { photometric: 32_803, channels: 1 }, /PhotometricInterpretation 32803/],
    [
      'subsampled YCbCr',
      { photometric: 6, channels: 3 },
      /its YCbCr colours are subsampled, which is read only with JPEG/,
    ],
    [
      'many samples after colours',
      { photometric: 2, channels: 6 },
      /6 samples for each pixel; 3 to 5 are read/,
    ],
    ['many samples', { photometric: 1, channels: 6 }, /6 samples for each pixel; 1 to 5 are read/],
    ['different sizes', { photometric: 2, channels: 3, more: [] }, /different sizes \(8, 8, 16 bits\)/],
  ];
  for (const [name, description, reason] of cases) {
    const file = path.join(folder, 'refused.tif');
    const bytes = tiffOf(samples(description.channels), description);
    // The numbers of bits of three samples are the first values behind the directory.
    if (name === 'different sizes')
      bytes.writeUInt16LE(16, bytes.indexOf(Buffer.from([8, 0, 8, 0, 8, 0])) + 4);
    writeFileSync(file, bytes);
    for (const user of users) {
      const { code, detail } = await refusalOf(user.read(sourceOf(file)));
      t.equal(code, 'undecodable_image', `${name}, ${user.name}`);
      t.match(detail, reason, `${name}, ${user.name}`);
    }
  }
});

t.test('camera raws in TIFF are named', async (t) => {
  const pixels = Array<number>(COUNT).fill(1);
  const dng = tiffOf(pixels, { photometric: 1, channels: 1, more: [[50_706, 4, [1]]] });
  // A preview whose subdirectory, behind the data, has sensor data.
  const preview = tiffOf(pixels, { photometric: 1, channels: 1, more: [[330, 4, [DATA - COUNT]]] });
  const directory = Buffer.alloc(2 + 12 + 4);
  directory.writeUInt16LE(1, 0);
  directory.writeUInt16LE(262, 2);
  directory.writeUInt16LE(3, 4);
  directory.writeUInt32LE(1, 6);
  directory.writeUInt16LE(32_803, 10);
  for (const [bytes, name] of [
    [dng, /a camera raw \(DNG\)/],
    [Buffer.concat([preview, directory]), /a camera raw \(TIFF with sensor data/],
  ] as const) {
    const file = path.join(folder, 'raw.tif');
    writeFileSync(file, bytes);
    for (const user of users)
      t.match(
        await refusalOf(user.read(sourceOf(file))),
        { code: 'unsupported_image_format', detail: name },
        user.name,
      );
  }
});
