import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import { AppError, type ErrorCode } from '../../src/core/errors.ts';
import { sniffImageFormat } from '../../src/pictures/formats.ts';
import { inspectImage, MAX_PAGES } from '../../src/pictures/inspect.ts';
import type { ImageMetadata } from '../../src/pictures/metadata.ts';
import { pngChunk } from '../../src/pictures/png.ts';
import type { ImageLimits } from '../../src/pictures/types.ts';
import {
  LIMITS,
  makeAnimatedWebp,
  makeGif,
  makePng,
  makeTiff,
  resizeJpegHeader,
  sourceOf,
} from '../manipulation/fixtures.ts';
import { NO_TEST_DATA, testDataPath } from '../support/test-data.ts';
import { allowedMs } from '../support/time.ts';
import { DATA, writePlainTiff, writeTiff } from './tiff-files.ts';
import { refusalOf, usersOfPictures } from './users.ts';

const folder = t.testdir();

/** A header of 7000×7000 pixels of 16 bits in one strip, without data. */
const ONE_STRIP = writeTiff(
  [
    [256, 3, [7000]],
    [257, 3, [7000]],
    [258, 3, [16, 16, 16]],
    [259, 3, [5]],
    [262, 3, [2]],
    [273, 4, [DATA]],
    [277, 3, [3]],
    [278, 3, [7000]],
    [279, 4, [4]],
    [284, 3, [1]],
    [339, 3, [1, 1, 1]],
  ],
  Buffer.alloc(4),
);

/** Sniffs and inspects a file, as an upload does. */
async function inspectFile(file: string, limits: Partial<ImageLimits> = {}): Promise<ImageMetadata> {
  const format = sniffImageFormat(readFileSync(file));
  if (format === undefined) throw new AppError('unsupported_image_format', 'not an accepted format');
  return inspectImage({ path: file, format }, { ...LIMITS, ...limits });
}

async function inspectBytes(bytes: Buffer, limits: Partial<ImageLimits> = {}): Promise<ImageMetadata> {
  const file = path.join(folder, 'input');
  writeFileSync(file, bytes);
  return inspectFile(file, limits);
}

/** Milliseconds of processor time so far: unlike the clock, the same on a busy machine. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function refusal(
  inspect: () => Promise<unknown>,
): Promise<{ code: ErrorCode; detail: string; ms: number }> {
  const start = cpuMs();
  try {
    await inspect();
  } catch (error) {
    if (error instanceof AppError) {
      return { code: error.code, detail: error.detail, ms: cpuMs() - start };
    }
    throw error;
  }
  throw new Error('was accepted');
}

const photo = (format: 'jpeg' | 'png' | 'webp' | 'tiff' | 'avif' | 'gif', options: object = {}) =>
  sharp({
    create: {
      width: 64,
      height: 48,
      channels: 3,
      background: 'teal',
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  })
    .toFormat(format, options)
    .toBuffer();

t.test('metadata of known pictures', { skip: NO_TEST_DATA }, async (t) => {
  const known: Record<string, Partial<ImageMetadata>> = {
    'photo-2725x2225.jpg': {
      format: 'jpeg',
      width: 2725,
      height: 2225,
      channels: 3,
      orientation: null,
      pages: 1,
    },
    'exif-orientation-6.jpg': { width: 1800, height: 1200, orientation: 6 },
    'cmyk.jpg': { color_space: 'cmyk', channels: 4, has_alpha: false, density: 180 },
    'cielab.tif': { format: 'tiff', color_space: 'lab', depth: 'ushort', width: 400, height: 266 },
    '16bit-grey-alpha.png': { depth: 'ushort', channels: 2, has_alpha: true, color_space: 'grey16' },
    'photo.avif': { format: 'avif', width: 2048, height: 858, pages: 1 },
    'animated.gif': { pages: 30, width: 80, height: 80 },
    'multipage.tif': { pages: 2, width: 2464, height: 3248, density: 300 },
  };
  for (const [name, expected] of Object.entries(known)) {
    t.match(await inspectFile(testDataPath('images', name)), expected, name);
  }
  const { details } = await inspectFile(testDataPath('images/animated.webp'));
  t.same(details.delays, [...Array<number>(9).fill(3000), 15000]);
  t.equal(details.loop, 3);
  const { exif } = (await inspectFile(testDataPath('images/cmyk.jpg'))).details;
  t.match(exif, { make: 'Canon', f_number: 5.6, iso: 400, taken_at: '2004-03-20T14:54:55' });
});

t.test('every good picture of the test data is accepted', { skip: NO_TEST_DATA }, async (t) => {
  const good = [
    ...readdirSync(testDataPath('images')).map((name) => `images/${name}`),
    ...readdirSync(testDataPath('pngsuite'))
      .filter((name) => /^[a-wyz].*\.png$/.test(name))
      .map((name) => `pngsuite/${name}`),
  ];
  for (const name of good) {
    const { width, height } = await inspectFile(testDataPath(name));
    t.ok(width > 0 && height > 0, name);
  }
});

t.test(
  'every broken picture of the test data is refused within a second',
  { skip: NO_TEST_DATA },
  async (t) => {
    const bad = [
      ...readdirSync(testDataPath('broken')).map((name) => `broken/${name}`),
      ...readdirSync(testDataPath('pngsuite'))
        .filter((name) => /^x.*\.png$/.test(name))
        .map((name) => `pngsuite/${name}`),
    ];
    for (const name of bad) {
      const { code, detail, ms } = await refusal(() => inspectFile(testDataPath(name)));
      t.match(code, /^(undecodable_image|unsupported_image_format)$/, `${name}: ${detail}`);
      t.notMatch(detail, /\/|libpng|Vips|: :/, 'its reason names no paths and no internals');
      t.ok(ms < allowedMs(1000), name);
    }
  },
);

t.test('a picture cut off anywhere is refused, with its header still good', async (t) => {
  for (const format of ['jpeg', 'png', 'webp', 'tiff', 'avif', 'gif'] as const) {
    const bytes = await photo(format);
    await t.resolves(inspectBytes(bytes), format);
    for (const part of [0.4, 0.6, 0.9]) {
      const { code } = await refusal(() => inspectBytes(bytes.subarray(0, Math.floor(bytes.length * part))));
      t.equal(code, 'undecodable_image', `${format} to ${part}`);
    }
  }
});

t.test('a file whose bytes are of another format than sniffed is refused', async (t) => {
  const file = path.join(folder, 'other');
  writeFileSync(file, await photo('png'));
  const { code, detail } = await refusal(() => inspectImage({ path: file, format: 'jpeg' }, LIMITS));
  t.equal(code, 'undecodable_image');
  t.match(detail, 'its content is png');
});

t.test('a missing file is not blamed on the picture', async (t) => {
  const missing = inspectImage({ path: path.join(folder, 'none'), format: 'jpeg' }, LIMITS);
  const error = await missing.catch((error: unknown) => error);
  t.notOk(error instanceof AppError);
});

t.test('sizes over the limits are refused from the header', async (t) => {
  const progressive = await photo('jpeg', { progressive: true });
  const tinyWebp = await photo('webp');
  const bombs: [name: string, bytes: Buffer, limits: Partial<ImageLimits>, detail: RegExp][] = [
    [
      'PNG of 60000 × 60000',
      makePng(60_000, 60_000, Buffer.alloc(10)),
      {},
      /at most 50000000 pixels but received one of 60000×60000 = 3600000000/,
    ],
    ['JPEG of 65000 × 65000', resizeJpegHeader(progressive, 65_000, 65_000), {}, /65000×65000/],
    [
      'progressive JPEG over the memory limit',
      resizeJpegHeader(progressive, 7000, 7000),
      { maxDecodeBytes: 256 * 1024 ** 2 },
      /in 256 MiB of memory but received a progressive JPEG of .* 283 MiB/,
    ],
    ['PNG of 49,000,000 × 1', makePng(49_000_000, 1, Buffer.alloc(10)), {}, /which needs about \d+ MiB/],
    ['PNG of 1 × 49,000,000', makePng(1, 49_000_000, Buffer.alloc(10)), {}, /at most 10000000 rows/],
    [
      'GIF of 1,400 pages of 2 × 1439',
      makeGif(1400, 2, 1439),
      {},
      /at most 2000000 rows .* received 2014600/,
    ],
    ['TIFF in one strip', ONE_STRIP, { maxDecodeBytes: 600 * 1024 ** 2 }, /a TIFF of 7000×7000 .* MiB/],
    ['GIF of 2000 × 2000', makeGif(1, 2000, 2000), { maxPixels: 1_000_000 }, /2000×2000/],
    [
      'GIF of 5,000 pages of 1000 × 1000',
      makeGif(5000, 1000, 1000),
      {},
      /in all pages together but received at least 5000000000/,
    ],
    ['GIF of 100,000 pages', makeGif(100_000, 1, 1), {}, /at most 10000 pages/],
    ['WebP of 20,000 pages', makeAnimatedWebp(tinyWebp, 20_000), {}, /at most 10000 pages/],
    ['TIFF of 200,000 pages', makeTiff(Array(200_000).fill([1, 1])), {}, /at most 10000 pages/],
    [
      'TIFF with a large second page',
      makeTiff([
        [4, 4],
        [9, 9],
      ]),
      { maxPixels: 50 },
      /received page 1 of 9×9/,
    ],
    [
      'TIFF with many middling pages',
      makeTiff([
        [4, 4],
        [5, 5],
        [5, 5],
      ]),
      { maxTotalPixels: 60 },
      /at least 66/,
    ],
  ];
  for (const [name, bytes, limits, expected] of bombs) {
    const { code, detail, ms } = await refusal(() => inspectBytes(bytes, limits));
    t.equal(code, 'too_many_pixels', name);
    t.match(detail, expected, name);
    t.ok(ms < allowedMs(1000), `${name} in ${ms} ms`);
  }
});

t.test('odd files are refused or read, and take neither time nor memory', async (t) => {
  const header = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const zeros = Buffer.alloc(100 * 1024 ** 2);
  const size = Buffer.from([0, 0, 0, 4, 0, 0, 0, 4, 8, 2, 0, 0, 0]);
  const odd: [name: string, bytes: Buffer, code: ErrorCode | undefined][] = [
    ['100 MB of zeros behind the 4 × 4 pixels of a PNG', makePng(4, 4, zeros), undefined],
    [
      'a circle of TIFF directories',
      makeTiff(
        [
          [4, 4],
          [4, 4],
        ],
        'loop',
      ),
      'undecodable_image',
    ],
    ['a PNG without data', Buffer.concat([header, pngChunk('IHDR', size)]), 'undecodable_image'],
    ['a PNG of 0 × 0', makePng(0, 0, Buffer.alloc(4)), 'undecodable_image'],
    ['one pixel', makePng(1, 1, Buffer.from([0, 9, 9, 9])), undefined],
    ['one column of 4,000,000 pixels', makePng(1, 4_000_000, Buffer.alloc(16_000_000)), undefined],
    ['one row of 4,000,000 pixels', makePng(4_000_000, 1, Buffer.alloc(12_000_001)), undefined],
    [
      'TIFF pages of different sizes',
      makeTiff([
        [40, 30],
        [20, 10],
        [1, 1],
      ]),
      undefined,
    ],
    ['as many pages as are accepted', makeTiff(Array(MAX_PAGES).fill([2, 2])), undefined],
  ];
  for (const [name, bytes, code] of odd) {
    const start = cpuMs();
    const outcome = await inspectBytes(bytes).then(
      () => undefined,
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );
    t.equal(outcome, code, name);
    const ms = cpuMs() - start;
    t.ok(ms < allowedMs(2000), `${name}: ${ms} ms`);
  }
});

t.test('files of very many parts are refused before libvips opens them', async (t) => {
  const jpeg = await photo('jpeg', { progressive: true });
  const lastScan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from([0xff, 0xda])), jpeg.length - 2);
  const webp = await photo('webp');
  const parts: [name: string, bytes: Buffer, detail: RegExp][] = [
    [
      'scans',
      Buffer.concat([jpeg.subarray(0, -2), ...Array(100).fill(lastScan), jpeg.subarray(-2)]),
      /more than 100 scans/,
    ],
    [
      'profile segments',
      Buffer.concat([
        jpeg.subarray(0, 2),
        Buffer.alloc(4 * 10_001, Buffer.from([0xff, 0xe2, 0, 2])),
        jpeg.subarray(2),
      ]),
      /more than 10000 segments/,
    ],
    ['chunks', Buffer.concat([webp, Buffer.alloc(8 * 100_000, 'abcd\0\0\0\0')]), /more than 100000 chunks/],
  ];
  for (const [name, bytes, expected] of parts) {
    const { code, detail, ms } = await refusal(() => inspectBytes(bytes));
    t.equal(code, 'undecodable_image', name);
    t.match(detail, expected, name);
    t.ok(ms < allowedMs(1000), `${name} in ${ms} ms`);
  }
  const many = Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(50_000, 0xff), jpeg.subarray(2)]);
  t.match(await inspectBytes(many), { width: 64 }, '0xFF before a marker is padding');
});

t.test('the pages of a TIFF of 1,000 sizes are decoded in a time that grows with their number', async (t) => {
  const pages = Array.from({ length: 1000 }, (_, index): [number, number] => [4 + (index % 7), 4]);
  const start = cpuMs();
  t.match(await inspectBytes(makeTiff(pages)), { pages: 1000 });
  // It took 30 s when libvips looked for each page from the first on.
  t.ok(cpuMs() - start < 10_000, `${cpuMs() - start} ms`);
});

t.test('an animation without its end is refused, a single image without a trailer is not', async (t) => {
  const still = makeGif(1, 10, 10);
  t.match(await inspectBytes(still.subarray(0, -1)), { pages: 1 });
  const animation = makeGif(3, 10, 10);
  t.match(await inspectBytes(animation), { pages: 3 });
  for (const cut of [1, Math.floor((animation.length - still.length) / 2)]) {
    const { code, detail } = await refusal(() => inspectBytes(animation.subarray(0, -cut)));
    t.equal(code, 'undecodable_image', `without the last ${cut} bytes`);
    t.match(detail, /its data ends early/);
  }
});

t.test('a hostile EXIF block does not spoil the picture', async (t) => {
  const bytes = await sharp(await photo('jpeg'))
    .withExif({ IFD0: { Make: 'A\u0001B', ImageDescription: 'x'.repeat(20_000) } })
    .toBuffer();
  const { details } = await inspectBytes(bytes);
  t.equal(details.exif?.make, 'A B');
  t.equal(String(details.exif?.description).length, 200);
});

t.test('density is what the file says, or null', async (t) => {
  const picture = () => sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } });
  const jpeg = await picture().jpeg().toBuffer();
  /** Without a unit, the two numbers are the shape of a pixel. */
  const jfif = (unit: number, density: number) => {
    const segment = Buffer.from('ffe000104a464946000101000000000000', 'hex');
    segment.writeUInt8(unit, 11);
    segment.writeUInt16BE(density, 12);
    segment.writeUInt16BE(density, 14);
    return Buffer.concat([jpeg.subarray(0, 2), segment, Buffer.alloc(1), jpeg.subarray(2)]);
  };
  const png = await picture().png().toBuffer();
  const physical = (unit: number) => {
    const chunk = Buffer.alloc(9);
    chunk.writeUInt32BE(11_811, 0);
    chunk.writeUInt32BE(11_811, 4);
    chunk.writeUInt8(unit, 8);
    return Buffer.concat([png.subarray(0, 33), pngChunk('pHYs', chunk), png.subarray(33)]);
  };
  const dense = () => picture().withMetadata({ density: 300 });
  for (const [name, bytes, density] of [
    ['plain.jpg', jpeg, null],
    ['shape.jpg', jfif(0, 1), null],
    ['inches.jpg', jfif(1, 150), 150],
    ['centimetres.jpg', jfif(2, 100), 254],
    ['exif.jpg', await dense().jpeg().toBuffer(), 300],
    ['plain.png', png, null],
    ['metres.png', physical(1), 300],
    ['shape.png', physical(0), null],
    ['plain.webp', await picture().webp().toBuffer(), null],
    ['exif.webp', await dense().webp().toBuffer(), 300],
    ['plain.gif', await picture().gif().toBuffer(), null],
    ['plain.avif', await picture().avif({ effort: 0 }).toBuffer(), null],
    ['dense.tif', await dense().tiff().toBuffer(), 300],
    ['plain.tif', writePlainTiff(16, 16, Buffer.alloc(768)), null],
  ] as const) {
    const file = path.join(folder, name);
    writeFileSync(file, bytes);
    t.equal((await inspectImage(sourceOf(file), LIMITS)).density, density, name);
  }
});

t.test('a TIFF has its EXIF in its first directory', async (t) => {
  const file = path.join(folder, 'exif.tif');
  const text = (value: string) => [...Buffer.from(`${value}\0`)];
  writeFileSync(
    file,
    writeTiff(
      [
        [256, 4, [16]],
        [257, 4, [16]],
        [258, 3, [8]],
        [259, 3, [1]],
        [262, 3, [1]],
        [270, 2, text('A core')],
        [271, 2, text('Canon')],
        [273, 4, [DATA]],
        [277, 3, [1]],
        [278, 4, [16]],
        [279, 4, [256]],
      ],
      Buffer.alloc(256),
    ),
  );
  const { details } = await inspectImage(sourceOf(file), LIMITS);
  t.same(details.exif, { description: 'A core', make: 'Canon' });
});

t.test('the pages of a TIFF that can be decoded can be used', async (t) => {
  const good = makeTiff([
    [40, 30],
    [40, 30],
    [40, 30],
  ]);
  /** Sets the compression of some pages to one that is not supported. */
  const damage = (...pages: number[]) => {
    const bytes = Buffer.from(good);
    const length = 2 + 9 * 12 + 4;
    for (const page of pages) bytes.writeUInt32LE(12_345, 8 + page * length + 2 + 3 * 12 + 8);
    const file = path.join(folder, 'damaged.tif');
    writeFileSync(file, bytes);
    return sourceOf(file);
  };
  for (const pages of [[0], [1], [2], [0, 1], [0, 2]]) {
    const source = damage(...pages);
    const { width, details, pages: total } = await inspectImage(source, LIMITS);
    t.same([width, total], [40, 3], `${pages}`);
    t.same(
      details.damaged_pages?.map(({ page }) => page),
      pages,
    );
    for (const { reason } of details.damaged_pages ?? []) t.match(reason, /compress|decode|support/i);
    for (const user of usersOfPictures(path.join(folder, 'result'))) {
      if (user.pagePath === undefined) continue;
      for (const page of [0, 1, 2]) {
        if (pages.includes(page))
          t.match(await refusalOf(user.read(source, { page })), { code: 'undecodable_image' });
        else await t.resolves(user.read(source, { page }), `${user.name}, page ${page} of ${pages}`);
      }
    }
  }
  t.match(await refusalOf(inspectImage(damage(0, 1, 2), LIMITS)), { code: 'undecodable_image' });
});
