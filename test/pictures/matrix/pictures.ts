import { deflateSync } from 'node:zlib';
import { PNG_END, pngChunk, pngHeader } from '../../../src/pictures/png.ts';

/** Pictures that say in many ways what their numbers mean, and pages of GIFs on a canvas. */

const WIDTH = 48;
const HEIGHT = 32;

type Chunk = readonly [type: string, data: Buffer];

function numbers(...values: number[]): Buffer {
  const data = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    data.writeUInt32BE(value, 4 * i);
  });
  return data;
}

const gamma = (value: number): Chunk => ['gAMA', numbers(Math.round(value * 100_000))];
const chromaticities = (...xy: number[]): Chunk => [
  'cHRM',
  numbers(...xy.map((value) => Math.round(value * 100_000))),
];
const codePoints = (...bytes: number[]): Chunk => ['cICP', Buffer.from(bytes)];

const SRGB = [0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06];
const P3 = [0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06];
const EQUAL_ENERGY = [1 / 3, 1 / 3, ...SRGB.slice(2)];

/** What a PNG may say of its colours. */
const STATEMENTS: Record<string, readonly Chunk[]> = {
  nothing: [],
  'gamma 1': [gamma(1)],
  'gamma 0.45455': [gamma(0.45455)],
  'gamma 0.55556': [gamma(0.55556)],
  'gamma 0': [gamma(0)],
  'gamma and sRGB primaries': [gamma(0.45455), chromaticities(...SRGB)],
  'gamma and P3 primaries': [gamma(0.45455), chromaticities(...P3)],
  'gamma and another white': [gamma(0.45455), chromaticities(...EQUAL_ENERGY)],
  'P3 primaries alone': [chromaticities(...P3)],
  'sRGB before gamma': [['sRGB', Buffer.from([0])], gamma(1)],
  'code points of sRGB': [codePoints(1, 13, 0, 1), gamma(1)],
  'code points of P3': [codePoints(12, 13, 0, 1)],
  'code points of BT.2020': [codePoints(9, 1, 0, 1)],
  'code points of NTSC': [codePoints(6, 6, 0, 1)],
  'code points of linear light': [codePoints(1, 8, 0, 1)],
  'code points of gamma 2.2': [codePoints(1, 4, 0, 1)],
};

const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** A PNG of gradients. */
function png(colorType: number, bits: 8 | 16, chunks: readonly Chunk[]): Buffer {
  const channels = CHANNELS[colorType] ?? 1;
  const bytes = bits / 8;
  const rows = Buffer.alloc(HEIGHT * (1 + WIDTH * channels * bytes));
  let at = 0;
  for (let y = 0; y < HEIGHT; y += 1) {
    at += 1;
    for (let x = 0; x < WIDTH; x += 1) {
      const color = [(x * 255) / (WIDTH - 1), (y * 255) / (HEIGHT - 1), (x * 5 + y * 3) % 256];
      const alpha = x < WIDTH / 2 ? 255 : 128;
      const pixel = [...(channels < 3 ? color.slice(0, 1) : color), ...(channels % 2 === 0 ? [alpha] : [])];
      for (const value of pixel) {
        rows.fill(Math.round(value), at, at + bytes);
        at += bytes;
      }
    }
  }
  return Buffer.concat([
    pngHeader(WIDTH, HEIGHT, bits, colorType),
    ...chunks.map(([type, data]) => pngChunk(type, data)),
    pngChunk('IDAT', deflateSync(rows)),
    PNG_END,
  ]);
}

/** PNGs of every colour type and depth with every statement about colours. */
export function statedPngs(): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const [statement, chunks] of Object.entries(STATEMENTS)) {
    for (const colorType of [0, 2, 4, 6]) {
      for (const bits of [8, 16] as const) {
        files.set(`type ${colorType}, ${bits} bits, ${statement}.png`, png(colorType, bits, chunks));
      }
    }
  }
  return files;
}

/** PNGs whose code points are refused. */
export function refusedPngs(): Map<string, Buffer> {
  return new Map(
    [
      [9, 16],
      [9, 18],
      [3, 13],
      [1, 9],
    ].map(([primaries = 0, transfer = 0]) => [
      `${primaries}, ${transfer}.png`,
      png(2, 8, [codePoints(primaries, transfer, 0, 1)]),
    ]),
  );
}

interface Image {
  left: number;
  top: number;
  size: number;
  disposal: number;
  /** Index of the transparent colour. */
  transparent?: number;
  /** Whether it has a graphic control extension at all. */
  hasControl?: boolean;
}

/** The canvas of the GIFs. */
const CANVAS = { width: 20, height: 16 };

/** A size that libnsgif takes for that of the author's screen, and ignores. */
const SCREEN = { width: 640, height: 480 };

/** Squares of colours 0 to 3 (red, green, blue, white) on a canvas; the colour of a pixel is that of its column. */
function gif(images: readonly Image[], { width, height } = CANVAS): Buffer {
  const palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
  const head = Buffer.from([...Buffer.from('GIF89a'), 0, 0, 0, 0, 0x81, 0, 0, ...palette]);
  head.writeUInt16LE(width, 6);
  head.writeUInt16LE(height, 8);
  const blocks = images.map(({ left, top, size, disposal, transparent, hasControl = true }) => {
    const flags = (disposal << 2) | (transparent === undefined ? 0 : 1);
    const control = hasControl ? [0x21, 0xf9, 4, flags, 10, 0, transparent ?? 0, 0] : [];
    const indices = Array.from({ length: size * size }, (_, i) => (i % size) % 4);
    return Buffer.from([
      ...control,
      0x2c,
      left,
      0,
      top,
      0,
      size,
      0,
      size,
      0,
      0,
      2,
      ...uncompressed(indices),
      0,
    ]);
  });
  return Buffer.concat([head, ...blocks, Buffer.from([0x3b])]);
}

/** LZW data of codes of three bits, with a clear code before the dictionary needs more. */
function uncompressed(indices: readonly number[]): number[] {
  const [clear, end] = [4, 5];
  const codes = [...indices.flatMap((index, i) => (i % 2 === 0 ? [clear, index] : [index])), end];
  const bytes: number[] = [];
  let buffer = 0;
  let bits = 0;
  for (const code of codes) {
    buffer |= code << bits;
    bits += 3;
    while (bits >= 8) {
      bytes.push(buffer & 0xff);
      buffer >>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) bytes.push(buffer & 0xff);
  const blocks: number[] = [];
  for (let at = 0; at < bytes.length; at += 255) {
    const block = bytes.slice(at, at + 255);
    blocks.push(block.length, ...block);
  }
  return blocks;
}

/** GIFs of three pages, of which the first is higher than the canvas or a part of it, with every order of disposals, and no page or one with a transparent colour. */
export function drawnGifs(): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const [full, corner] = [
    { left: 0, top: 0, size: 20 },
    { left: 5, top: 5, size: 6 },
  ];
  for (const first of [full, corner]) {
    for (const a of [0, 1, 2, 3]) {
      for (const b of [0, 1, 2, 3]) {
        for (const transparent of [-1, 0, 1, 2]) {
          const images = [
            { ...first, disposal: a },
            { left: 2, top: 3, size: 9, disposal: b },
            { left: 8, top: 4, size: 7, disposal: 0 },
          ].map((image, index) => (index === transparent ? { ...image, transparent: 1 } : image));
          files.set(
            `${first === full ? 'full' : 'corner'}, ${a}, ${b}, transparent ${transparent}.gif`,
            gif(images),
          );
        }
      }
    }
  }
  files.set(
    'without controls.gif',
    gif([corner, full].map((box) => ({ ...box, disposal: 0, hasControl: false }))),
  );
  files.set(
    'past the edge.gif',
    gif([
      { left: 15, top: 12, size: 9, disposal: 2 },
      { ...corner, disposal: 0 },
    ]),
  );
  for (const transparent of [undefined, 1]) {
    const images = [
      { ...full, disposal: 1, ...(transparent === undefined ? {} : { transparent }) },
      { left: 30, top: 40, size: 50, disposal: 2 },
      { ...corner, disposal: 0 },
    ];
    files.set(`screen ${transparent}.gif`, gif(images, SCREEN));
    files.set(`empty canvas ${transparent}.gif`, gif(images, { width: 0, height: 0 }));
    files.set(`high canvas ${transparent}.gif`, gif(images, { width: 3, height: 2049 }));
    // Pages after the first that are larger than the canvas are cut off.
    files.set(
      `cut off ${transparent}.gif`,
      gif([{ ...corner, disposal: 1 }, ...images], { width: 30, height: 25 }),
    );
  }
  return files;
}
