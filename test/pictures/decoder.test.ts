import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import t from 'tap';
import { AppError } from '../../src/core/errors.ts';
import { IMAGE_FORMATS, type ImageFormat } from '../../src/pictures/formats.ts';
import { inspectImage } from '../../src/pictures/inspect.ts';
import { readLabelMap } from '../../src/segmentation/labels/label-map.ts';
import { seededRandom } from '../../src/segmentation/methods/random.ts';
import { histogramOf } from '../histogram/support.ts';
import { LIMITS, makeTiff, sourceOf } from '../manipulation/fixtures.ts';
import { NO_TEST_DATA, testDataPath } from '../support/test-data.ts';
import { writeOldStyleJpegTiff, writePlainTiff } from './tiff-files.ts';
import { failureOf, refusalOf, usersOfPictures } from './users.ts';

const folder = t.testdir();
const at = (name: string) => path.join(folder, name);
const users = usersOfPictures(at('result'));

/** Writes a file of the test's folder and gives its path. */
function save(name: string, bytes: Buffer): string {
  writeFileSync(at(name), bytes);
  return at(name);
}

const [WIDTH, HEIGHT] = [96, 64];
const random = seededRandom(1);

/** Noise around a middle grey, each time another, but the same in each run: damaged noise may happen to be well-formed. */
const noise = (): Sharp => {
  const level = () => 128 + 52 * (random() + random() + random() + random() - 2);
  const bytes = Buffer.from(Array.from({ length: WIDTH * HEIGHT * 3 }, level));
  return sharp(bytes, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
};
const animation = async (): Promise<Sharp> =>
  sharp(await Promise.all([1, 2, 3].map(() => noise().png().toBuffer())), { join: { animated: true } });
const pixels = await noise().raw().toBuffer();

/** Files of all accepted formats, and of the ways in which they store pixels. */
const FILES: [name: string, format: ImageFormat, bytes: Buffer][] = [
  ['JPEG', 'jpeg', await noise().jpeg().toBuffer()],
  ['progressive JPEG', 'jpeg', await noise().jpeg({ progressive: true }).toBuffer()],
  ['PNG', 'png', await noise().png().toBuffer()],
  ['interlaced PNG', 'png', await noise().png({ progressive: true }).toBuffer()],
  ['lossy WebP', 'webp', await noise().webp().toBuffer()],
  ['lossless WebP', 'webp', await noise().webp({ lossless: true }).toBuffer()],
  ['animated WebP', 'webp', await (await animation()).webp().toBuffer()],
  ['GIF', 'gif', await noise().gif().toBuffer()],
  ['animated GIF', 'gif', await (await animation()).gif().toBuffer()],
  ['TIFF in strips, header last', 'tiff', await noise().tiff({ compression: 'lzw' }).toBuffer()],
  ['TIFF with JPEG', 'tiff', await noise().tiff({ compression: 'jpeg' }).toBuffer()],
  ['TIFF in strips, header first', 'tiff', writePlainTiff(WIDTH, HEIGHT, pixels)],
  ['TIFF in tiles, header first', 'tiff', writePlainTiff(WIDTH, HEIGHT, pixels, { tiled: true })],
  ['AVIF', 'avif', await noise().avif({ effort: 0 }).toBuffer()],
];

const NAMES = { jpeg: 'JPEG', png: 'PNG', webp: 'WebP', gif: 'GIF', tiff: 'TIFF', avif: 'AVIF' };

/** Asserts that every user refuses a file as undecodable, in the one wording. */
async function isUndecodable(file: string, format: ImageFormat, name: string, reason = /./): Promise<void> {
  for (const user of users) {
    const { code, detail } = await refusalOf(user.read({ path: file, format }));
    t.equal(code, 'undecodable_image', `${name}, ${user.name}`);
    const start = `The ${NAMES[format]} file cannot be decoded: `;
    t.ok(detail.startsWith(start), `${name}, ${user.name}: ${detail}`);
    t.match(detail.slice(start.length), reason, `${name}, ${user.name}`);
    t.notMatch(detail, /\/|Vips|vips|seek|: :/, 'no path and no internals');
  }
}

t.test('intact files of every kind are read by all', async (t) => {
  for (const [name, format, bytes] of FILES) {
    const file = save('whole', bytes);
    for (const user of users) await t.resolves(user.read({ path: file, format }), `${name}, ${user.name}`);
  }
});

t.test('a file cut off anywhere is refused by all', async () => {
  for (const [name, format, bytes] of FILES) {
    for (const part of [0.2, 0.25, 0.4, 0.5, 0.6, 0.8, 0.9, 0.97]) {
      const file = save('cut', bytes.subarray(0, Math.floor(bytes.length * part)));
      await isUndecodable(file, format, `${name} to ${part}`);
    }
  }
});

t.test('a file without its last byte is refused at its upload, or read by all', async (t) => {
  const accepted: string[] = [];
  for (const [name, format, bytes] of FILES) {
    const file = { path: save('cut', bytes.subarray(0, -1)), format };
    const refusal = await inspectImage(file, LIMITS).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal === undefined) {
      accepted.push(name);
      for (const user of users) await t.resolves(user.read(file), `${name}, ${user.name}`);
    } else t.match(refusal, { code: 'undecodable_image' }, name);
  }
  // The last byte of these belongs to the end of the file, not to a pixel.
  const complete = ['JPEG', 'progressive JPEG', 'PNG', 'interlaced PNG', 'GIF'];
  t.strictSame(
    accepted.filter((name) => !complete.includes(name)),
    [],
  );
});

t.test('a compression of TIFF that is not read is named', async () => {
  // Zstandard, by its number.
  const plain = writePlainTiff(WIDTH, HEIGHT, pixels);
  plain.writeUInt16LE(50_000, plain.indexOf(Buffer.from([3, 1, 3, 0, 1, 0, 0, 0])) + 8);
  await isUndecodable(
    save('zstd', plain),
    'tiff',
    'Zstandard',
    /^its compression \(ZSTD\) is not read; LZW, .* are$/,
  );
});

t.test('a TIFF whose last page or last text is cut off is refused at its upload', async (t) => {
  const pages = makeTiff([
    [40, 30],
    [40, 30],
  ]);
  // The link to a page that is not there any more.
  const lost = Buffer.from(pages);
  lost.writeUInt32LE(pages.length + 100, 8 + 2 + 9 * 12);
  const text = await noise()
    .withExif({ IFD0: { ImageDescription: 'x'.repeat(100) } })
    .tiff()
    .toBuffer();
  for (const bytes of [lost, text.subarray(0, -20)]) {
    const read = inspectImage({ path: save('cut.tif', bytes), format: 'tiff' }, LIMITS);
    t.match(await refusalOf(read), { code: 'undecodable_image', detail: /its data ends early$/ });
  }
});

t.test('a damaged header or damaged pixels are refused by all', async () => {
  // Any bytes make a colour table of a GIF.
  for (const [name, format, bytes] of FILES.filter(([, kind]) => kind !== 'gif')) {
    const header = Buffer.from(bytes);
    // Behind what the format is known by.
    header.fill(0xaa, format === 'tiff' || format === 'jpeg' ? 4 : 12, 64);
    await isUndecodable(save('damaged', header), format, `${name}: header`);
  }
  // JPEG and lossy WebP have no bytes that cannot be decoded; browsers show what they find.
  const compressed: [name: string, format: ImageFormat, bytes: Buffer][] = [
    ...FILES.filter(([name]) => ['PNG', 'GIF', 'AVIF'].includes(name)),
    ['LZW in strips', 'tiff', await noise().tiff({ compression: 'lzw' }).toBuffer()],
    [
      'LZW in tiles',
      'tiff',
      await noise().tiff({ compression: 'lzw', tile: true, tileWidth: 32, tileHeight: 32 }).toBuffer(),
    ],
  ];
  for (const [name, format, bytes] of compressed) {
    const damaged = Buffer.from(bytes);
    damaged.fill(0xaa, Math.floor(bytes.length * 0.5), Math.floor(bytes.length * 0.6));
    await isUndecodable(save('damaged', damaged), format, `${name}: pixels`);
  }
});

t.test('a TIFF with JPEG in the old style is refused by name', async () => {
  // libtiff reads it, but not as sharp builds it; in tiles it gives black and no error where only errors are refused.
  const jpeg = await noise().jpeg().toBuffer();
  for (const tiled of [false, true]) {
    const file = save('old-style.tif', writeOldStyleJpegTiff(WIDTH, HEIGHT, jpeg, tiled));
    await isUndecodable(file, 'tiff', tiled ? 'in tiles' : 'in strips', /^Old-style JPEG compression/);
  }
});

t.test("a decoder's warning is no reason to refuse a file", async (t) => {
  // sharp's failOn: 'warning' refused both.
  const text = save('text.tif', writePlainTiff(WIDTH, HEIGHT, pixels, { text: 'two\0texts' }));
  const [, , jpeg] = FILES[0] ?? [];
  const scan = Buffer.from(jpeg ?? []);
  // The scan header's last three bytes of a baseline JPEG are 0, 63, 0; Samsung's cameras wrote 0, 0, 0.
  const start = scan.indexOf(Buffer.from([0xff, 0xda]));
  scan[start + 2 + scan.readUInt16BE(start + 2) - 2] = 0;
  for (const file of [text, save('scan.jpg', scan)]) {
    for (const user of users)
      await t.resolves(user.read(sourceOf(file)), `${path.basename(file)}, ${user.name}`);
  }
  t.same(await sharp(text, { failOn: 'none' }).raw().toBuffer(), pixels, 'all of its pixels are there');
  const { channels } = await histogramOf(text);
  const counts = new Array<number>(256).fill(0);
  for (let i = 0; i < pixels.length; i += 3) counts[pixels[i] ?? 0] = (counts[pixels[i] ?? 0] ?? 0) + 1;
  t.same(channels.red?.counts, counts);
});

/** Pillow 13: the size, the mean of each channel, and the pixels at (7, 5) and in the last corner. */
const REPORTED = {
  'jpeg_samsung_sos.jpg': {
    size: [160, 120],
    mean: [127.0537, 127.0561, 127.3072],
    pixel: [10, 11, 179],
    last: [254, 252, 165],
  },
  'tif_ascii_nul.tif': {
    size: [48, 32],
    mean: [127.0208, 127.0313, 148.25],
    pixel: [37, 41, 226],
    last: [255, 255, 130],
  },
};

for (const [name, { size, mean, pixel, last }] of Object.entries(REPORTED)) {
  t.test(`${name} looks as Pillow shows it`, { skip: NO_TEST_DATA }, async (t) => {
    const source = sourceOf(testDataPath('reported', name));
    for (const user of users) {
      await user.read(source);
      if (user.name !== 'convert' && user.name !== 'flip') continue;
      const image = sharp(at('result'));
      const { data, info } = await (user.name === 'flip' ? image.flip() : image)
        .raw()
        .toBuffer({ resolveWithObject: true });
      t.same([info.width, info.height], size);
      const isNear = (found: readonly number[], wanted: readonly number[], most: number) =>
        wanted.every((value, band) => Math.abs(value - (found[band] ?? 0)) <= most);
      const means = [0, 1, 2].map(
        (band) =>
          data.filter((_, i) => i % 3 === band).reduce((sum, value) => sum + value, 0) / (data.length / 3),
      );
      t.ok(isNear(means, mean, 0.1), `${user.name}: means ${means}`);
      const offset = 3 * (5 * info.width + 7);
      // Two JPEG decoders may differ by how they enlarge the colours.
      t.ok(isNear([...data.subarray(offset, offset + 3)], pixel, 3), `${user.name}: a pixel`);
      t.ok(isNear([...data.subarray(-3)], last, 3), `${user.name}: the last pixel`);
    }
    const { channels } = await histogramOf(source.path);
    for (const [band, channel] of (['red', 'green', 'blue'] as const).entries()) {
      t.ok(Math.abs((channels[channel]?.mean ?? 0) - (mean[band] ?? 0)) < 0.1, channel);
    }
  });
}

t.test('a missing, unreadable or emptied file is no fault of a client', async (t) => {
  const png = await noise().png().toBuffer();
  mkdirSync(at('directory'));
  execFileSync('mkfifo', [at('pipe')]);
  chmodSync(save('secret', png), 0o000);
  save('emptied', Buffer.alloc(0));
  const isAll = process.getuid?.() === 0;
  const cases: [name: string, message: RegExp, skip?: boolean][] = [
    ['missing', /^ENOENT/],
    ['directory', /not a regular file$/],
    ['pipe', /not a regular file$/],
    ['emptied', /is empty$/],
    // The superuser reads everything.
    ['secret', /^EACCES/, isAll],
  ];
  for (const [name, message] of cases.filter(([, , skip]) => !skip)) {
    for (const format of IMAGE_FORMATS) {
      for (const user of users) {
        const error = await failureOf(user.read({ path: at(name), format }));
        t.notOk(error instanceof AppError, `${name}, ${format}, ${user.name}: ${error.message}`);
        t.match(error.message, message, `${name}, ${format}, ${user.name}`);
      }
    }
  }
});

const unreadable = '/proc/self/mem';
t.test(
  'a file that the disk cannot read is a failure of the storage',
  { skip: existsSync(unreadable) ? false : `needs ${unreadable}` },
  async (t) => {
    // Reading its first bytes fails with EIO.
    for (const format of IMAGE_FORMATS) {
      for (const user of users) {
        const { code, detail } = await refusalOf(user.read({ path: unreadable, format }));
        t.equal(code, 'storage_unavailable', `${format}, ${user.name}`);
        t.notMatch(detail, /proc|EIO/);
      }
    }
  },
);

t.test('a full disk under the result is a failure of the storage', async (t) => {
  const [user] = usersOfPictures('/dev/full').filter(({ name }) => name === 'convert');
  const file = save('whole.png', await noise().png().toBuffer());
  t.match(await user?.read(sourceOf(file)).catch((error: unknown) => error), { code: 'storage_unavailable' });
});

t.test('a label map of the service that is damaged is no fault of a client', async (t) => {
  const whole = await sharp(Buffer.alloc(100 * 100, 3), { raw: { width: 100, height: 100, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  const cut = save('labels.png', whole.subarray(0, whole.length - 20));
  const picture = save('picture.png', await sharp(whole).toColourspace('srgb').png().toBuffer());
  for (const error of [
    await failureOf(readLabelMap(cut)),
    await failureOf(readLabelMap(at('missing'))),
    await failureOf(histogramOf(picture, { maskFile: cut })),
  ]) {
    t.notOk(error instanceof AppError, error.message);
  }
});

t.test('a page that there is not', async (t) => {
  const cases: [name: string, format: ImageFormat, page: number, message: string][] = [
    ['PNG', 'png', 7, 'Expected page 0, the only one, for page but received 7'],
    ['AVIF', 'avif', 1, 'Expected page 0, the only one, for page but received 1'],
    ['animated GIF', 'gif', 3, 'Expected a page from 0 to 2 for page but received 3'],
    ['animated WebP', 'webp', 100_000, 'Expected a page from 0 to 2 for page but received 100000'],
  ];
  for (const [name, format, page, message] of cases) {
    const [, , bytes] = FILES.find(([kind]) => kind === name) ?? [];
    const file = save('pages', bytes ?? Buffer.alloc(0));
    for (const { name: user, pagePath, read } of users) {
      if (pagePath === undefined) continue;
      const error = await refusalOf(read({ path: file, format }, { page }));
      t.match(
        error,
        {
          code: 'validation_failed',
          detail: message,
          errors: [{ path: pagePath, message }],
        },
        `${name}, ${user}`,
      );
      await t.resolves(read({ path: file, format }, { page: 0 }), `${name}, ${user}: the first page`);
    }
  }
});

t.test('too many pixels are refused before decoding, in one wording', async (t) => {
  const limits = { maxPixels: WIDTH * HEIGHT - 1 };
  for (const [name, format, bytes] of FILES) {
    const file = save('large', bytes);
    for (const user of users) {
      const { code, detail } = await refusalOf(user.read({ path: file, format }, { limits }));
      t.equal(code, 'too_many_pixels', `${name}, ${user.name}`);
      t.equal(detail, 'Expected a picture of at most 6143 pixels but received one of 96×64 = 6144');
    }
  }
  const gif = save('animated.gif', FILES.find(([name]) => name === 'animated GIF')?.[2] ?? Buffer.alloc(0));
  const total = { maxTotalPixels: 3 * WIDTH * HEIGHT - 1 };
  for (const user of users) {
    const read = user.read({ path: gif, format: 'gif' }, { limits: total });
    // One page alone is counted and segmented.
    if (user.pagePath === '/page') await t.resolves(read, user.name);
    else
      t.match(await refusalOf(read), {
        code: 'too_many_pixels',
        detail: 'Expected at most 18431 pixels in all pages together but received at least 18432',
      });
  }
});

t.test('a file that is written anew is read anew', async (t) => {
  const [user] = users.filter(({ name }) => name === 'histogram');
  const sizes: unknown[] = [];
  for (const width of [10, 20]) {
    const file = save(
      'changing.png',
      await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
        .resize(width, 5)
        .png()
        .toBuffer(),
    );
    sizes.push(await user?.read(sourceOf(file)));
  }
  t.match(sizes, [{ width: 10 }, { width: 20 }]);
});
