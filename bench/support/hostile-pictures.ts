import { deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { PNG_END, PNG_SIGNATURE, pngChunk, RGB } from '../../src/pictures/png.ts';
import { seededRandom } from '../../src/segmentation/methods/random.ts';
import {
  makeAnimatedWebp,
  makeGif,
  makePng,
  makeTiff,
  resizeJpegHeader,
} from '../../test/manipulation/fixtures.ts';

/** Numbers in [0, 1). */
type Random = () => number;

export interface HostilePicture {
  kind: string;
  bytes: Buffer;
}

/** Maximum pixels of a picture whose pixels all exist. The service accepts 50,000,000 in one page. */
const MAX_PIXELS = 10_000_000;
/** Maximum pixels in all pages that the service accepts. */
const MAX_TOTAL_PIXELS = 200_000_000;

const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const between = (random: Random, low: number, high: number): number => low + below(random, high - low + 1);
const pick = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)] as T;
/** From `low` to `high`, small numbers as likely as large ones. */
const spread = (random: Random, low: number, high: number): number =>
  Math.round(low * (high / low) ** random());

function noise(random: Random, width: number, height: number, channels: 1 | 3 | 4): Sharp {
  const bytes = Buffer.alloc(width * height * channels);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = below(random, 256);
  return sharp(bytes, { raw: { width, height, channels } });
}

const SMALL = [96, 64] as const;

/** Ordinary files of all formats, and of the ways in which they store pixels. */
const ENCODINGS: Readonly<Record<string, (random: Random) => Promise<Buffer>>> = {
  'a JPEG': (random) =>
    noise(random, ...SMALL, 3)
      .jpeg()
      .toBuffer(),
  'a progressive JPEG': (random) =>
    noise(random, ...SMALL, 3)
      .jpeg({ progressive: true })
      .toBuffer(),
  'a CMYK JPEG': (random) =>
    noise(random, ...SMALL, 3)
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer(),
  'a PNG': (random) =>
    noise(random, ...SMALL, 4)
      .png()
      .toBuffer(),
  'a grey PNG': (random) =>
    noise(random, ...SMALL, 1)
      .toColourspace('b-w')
      .png()
      .toBuffer(),
  'a PNG with a palette': (random) =>
    noise(random, ...SMALL, 3)
      .png({ palette: true })
      .toBuffer(),
  'an interlaced PNG': (random) =>
    noise(random, ...SMALL, 3)
      .png({ progressive: true })
      .toBuffer(),
  'a lossy WebP': (random) =>
    noise(random, ...SMALL, 4)
      .webp()
      .toBuffer(),
  'a lossless WebP': (random) =>
    noise(random, ...SMALL, 3)
      .webp({ lossless: true })
      .toBuffer(),
  'an animated WebP': async (random) => (await animation(random)).webp({ effort: 0 }).toBuffer(),
  'a GIF': (random) =>
    noise(random, ...SMALL, 3)
      .gif({ effort: 1 })
      .toBuffer(),
  'an animated GIF': async (random) => (await animation(random)).gif({ effort: 1 }).toBuffer(),
  'a TIFF with LZW': (random) =>
    noise(random, ...SMALL, 3)
      .tiff({ compression: 'lzw' })
      .toBuffer(),
  'a TIFF with JPEG': (random) =>
    noise(random, ...SMALL, 3)
      .tiff({ compression: 'jpeg' })
      .toBuffer(),
  'a tiled TIFF': (random) =>
    noise(random, ...SMALL, 3)
      .tiff({ compression: 'deflate', tile: true, tileWidth: 32, tileHeight: 32 })
      .toBuffer(),
  'an AVIF': (random) =>
    noise(random, ...SMALL, 3)
      .avif({ effort: 0 })
      .toBuffer(),
};

async function animation(random: Random): Promise<Sharp> {
  const pages = [1, 2, 3].map(() =>
    noise(random, ...SMALL, 3)
      .png({ compressionLevel: 1 })
      .toBuffer(),
  );
  return sharp(await Promise.all(pages), { join: { animated: true } });
}

const encodeAny = (random: Random): Promise<Buffer> => pick(random, Object.values(ENCODINGS))(random);

/** The frame header of a JPEG, with a scan and without its end, in three parts. */
export async function progressiveParts(
  random: Random,
): Promise<{ head: Buffer; lastScan: Buffer; end: Buffer }> {
  const size = spread(random, 16, 2000);
  const jpeg = await sharp({ create: { width: size, height: size, channels: 3, background: '#207080' } })
    .jpeg({ progressive: true })
    .toBuffer();
  const lastScan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
  return { head: jpeg.subarray(0, -2), lastScan: jpeg.subarray(lastScan, -2), end: jpeg.subarray(-2) };
}

/** Rows of the seven passes of Adam7 (W3C PNG, section 8.1), all zeros. */
function adam7Zeros(width: number, height: number): Buffer {
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const;
  const bytes = passes.map(([left, top, stepX, stepY]) => {
    const columns = Math.ceil((width - left) / stepX);
    const rows = Math.ceil((height - top) / stepY);
    return columns > 0 && rows > 0 ? rows * (1 + 3 * columns) : 0;
  });
  return Buffer.alloc(bytes.reduce((sum, length) => sum + length));
}

/** A PNG of zeros with all of its pixels, in seven passes. */
export function interlacedPng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, RGB, 0, 0, 1], 8);
  return Buffer.concat([
    Buffer.from(PNG_SIGNATURE, 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(adam7Zeros(width, height), { level: 1 })),
    PNG_END,
  ]);
}

/** A PNG of zeros with all of its pixels. */
export const zeroPng = (width: number, height: number): Buffer =>
  makePng(width, height, Buffer.alloc(height * (1 + 3 * width)));

/** A chunk that inflates to `size` bytes, between the header of a PNG and its pixels. */
function withInflatingChunk(type: 'iCCP' | 'zTXt' | 'iTXt', size: number): Buffer {
  const png = zeroPng(8, 8);
  const keyword = type === 'iTXt' ? 'a\0\x01\0\0\0' : 'a\0\0';
  const data = Buffer.concat([Buffer.from(keyword, 'latin1'), deflateSync(Buffer.alloc(size), { level: 1 })]);
  return Buffer.concat([png.subarray(0, 33), pngChunk(type, data), png.subarray(33)]);
}

/** A TIFF of some numbers that contradict each other: sizes, bits, offsets and counts. */
function contradictingTiff(random: Random): Buffer {
  const tiff = makeTiff(Array.from({ length: between(random, 1, 3) }, () => [16, 16] as const));
  for (let change = 0; change < 3; change += 1) {
    // Ten bytes of header, then nine entries of 12 bytes whose last four are the value.
    const at = 10 + below(random, 9) * 12 + pick(random, [0, 2, 4, 8]);
    tiff.writeUInt32LE(pick(random, [0, 1, 7, 0xffff, 0x10000, 0x7fffffff, 0xffffffff]), at);
  }
  return tiff;
}

/** The sizes that a header claims without any data behind it. */
const CLAIMED = [5000, 7000, 16_383, 30_000, 65_500];

async function claimedSize(random: Random): Promise<Buffer> {
  const [width, height] = [pick(random, CLAIMED), pick(random, CLAIMED)];
  const progressive = () => ENCODINGS['a progressive JPEG']?.(random) ?? Buffer.alloc(0);
  return pick<() => Buffer | Promise<Buffer>>(random, [
    () => makeGif(1, width, height),
    () => makePng(width, height, Buffer.alloc(below(random, 1000))),
    async () => resizeJpegHeader(await progressive(), width, height),
    () => {
      const tiff = makeTiff([[16, 16]]);
      tiff.writeUInt32LE(width, 10 + 8);
      tiff.writeUInt32LE(height, 10 + 12 + 8);
      tiff.writeUInt32LE(pick(random, [1, 16, height]), 10 + 7 * 12 + 8);
      return tiff;
    },
    () => {
      // The 14 bits of each side of a lossless WebP.
      const bits = Buffer.alloc(4);
      bits.writeUInt32LE((((height - 1) & 0x3fff) * 0x4000 + ((width - 1) & 0x3fff)) >>> 0);
      const start = Buffer.from('RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f', 'latin1');
      return Buffer.concat([start, bits, Buffer.alloc(8)]);
    },
  ])();
}

/** Sizes of up to `MAX_PIXELS` pixels with one short side. */
function thin(random: Random): { long: number; short: number } {
  const long = spread(random, 1000, 5_000_000);
  return { long, short: between(random, 1, Math.max(1, Math.min(50, Math.floor(MAX_PIXELS / long)))) };
}

const KINDS: Readonly<Record<string, (random: Random) => Buffer | Promise<Buffer>>> = {
  wide: (random) => {
    const { long, short } = thin(random);
    return zeroPng(long, short);
  },
  tall: (random) => {
    const { long, short } = thin(random);
    return zeroPng(short, long);
  },
  'interlaced PNG': (random) => {
    const width = spread(random, 1, 10_000);
    return interlacedPng(width, spread(random, 1, Math.min(10_000, MAX_PIXELS / width)));
  },
  'many scans': async (random) => {
    const { head, lastScan, end } = await progressiveParts(random);
    return Buffer.concat([head, ...Array<Buffer>(between(random, 1, 150)).fill(lastScan), end]);
  },
  'many segments': async (random) => {
    const { head, end } = await progressiveParts(random);
    // APP1 to APP15 and COM.
    const segment = Buffer.from([0xff, pick(random, [0xe1, 0xe2, 0xed, 0xee, 0xef, 0xfe]), 0, 2]);
    const segments = Buffer.alloc(4 * spread(random, 100, 200_000), segment);
    return Buffer.concat([head.subarray(0, 2), segments, head.subarray(2), end]);
  },
  'many pages': (random) => {
    const [width, height] = [spread(random, 1, 3000), spread(random, 1, 3000)];
    const pages = spread(random, 2, 20_000);
    const isRefused = width * height * pages > MAX_TOTAL_PIXELS;
    return makeGif(
      isRefused ? pages : Math.ceil(Math.min(pages, MAX_PIXELS / (width * height))),
      width,
      height,
    );
  },
  'animated WebP': async (random) => {
    const still = await noise(random, 4, 4, 3).webp().toBuffer();
    return makeAnimatedWebp(still, spread(random, 2, 20_000));
  },
  'mixed TIFF': (random) => {
    const pages = Array.from(
      { length: spread(random, 2, 1000) },
      () => [between(random, 1, 40), between(random, 1, 40)] as const,
    );
    return makeTiff(pages, random() < 0.2 ? 'loop' : 'end');
  },
  'contradicting TIFF': contradictingTiff,
  'claimed size': claimedSize,
  'empty chunks': async (random) => {
    const count = spread(random, 100, 500_000);
    if (random() < 0.5) {
      const webp = await noise(random, 8, 8, 3).webp().toBuffer();
      const filled = Buffer.concat([webp, Buffer.alloc(8 * count, 'abcd\0\0\0\0')]);
      filled.writeUInt32LE(filled.length - 8, 4);
      return filled;
    }
    const png = zeroPng(8, 8);
    const empty = pngChunk(pick(random, ['abCd', 'IDAT', 'tEXt']));
    return Buffer.concat([png.subarray(0, 33), Buffer.alloc(empty.length * count, empty), png.subarray(33)]);
  },
  'GIF without its end': async (random) => {
    const gif = await ENCODINGS[pick(random, ['a GIF', 'an animated GIF'])]?.(random);
    return gif?.subarray(0, -1) ?? Buffer.alloc(0);
  },
  truncated: async (random) => {
    const bytes = await encodeAny(random);
    return bytes.subarray(0, between(random, 16, bytes.length - 1));
  },
  'flipped bits': async (random) => {
    const bytes = await encodeAny(random);
    for (let flip = between(random, 1, 4); flip > 0; flip -= 1) {
      const at = below(random, bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
    }
    return bytes;
  },
  overwritten: async (random) => {
    const bytes = await encodeAny(random);
    const at = below(random, bytes.length);
    bytes.subarray(at, at + between(random, 1, 200)).fill(pick(random, [0, 0x7f, 0xff]));
    return bytes;
  },
  'two files in one': async (random) => {
    const [first, second] = [await encodeAny(random), await encodeAny(random)];
    const cut = below(random, Math.min(first.length, second.length));
    return Buffer.concat([first.subarray(0, cut), second.subarray(cut)]);
  },
  bomb: (random) =>
    pick<() => Buffer>(random, [
      // Much more data than the header says.
      () => makePng(between(random, 1, 50), between(random, 1, 50), Buffer.alloc(spread(random, 1e6, 5e7))),
      () => withInflatingChunk(pick(random, ['iCCP', 'zTXt', 'iTXt']), spread(random, 1e6, 1e8)),
      () => zeroPng(between(random, 2000, 4000), between(random, 2000, 4000)),
    ])(),
};

export const HOSTILE_KINDS = Object.keys(KINDS);

/**
 * Pictures that try to take much time or memory, or to be decoded in part: of each kind in turn, the same for the same seed. Most
 * are small, the largest have some megabytes.
 */
export async function* hostilePictures(
  seed: number,
  count: number,
): AsyncGenerator<HostilePicture, void, undefined> {
  const random = seededRandom(seed);
  const kinds = Object.entries(KINDS);
  for (let index = 0; index < count; index += 1) {
    const [kind, make] = kinds[index % kinds.length] as (typeof kinds)[number];
    yield { kind, bytes: await make(random) };
  }
}
