import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { sniffImageFormat } from '../../src/pictures/formats.ts';
import { PNG_END, pngChunk, pngHeader, RGB } from '../../src/pictures/png.ts';
import type { ImageLimits, SourceFile } from '../../src/pictures/types.ts';
import type { Task } from '../../src/work/operation.ts';

export const LIMITS: ImageLimits = {
  maxPixels: 50_000_000,
  maxTotalPixels: 200_000_000,
  maxOutputPixels: 100_000_000,
  maxDecodeBytes: 2 * 1024 ** 3,
};

/** A file as it is known after its upload. */
export function sourceOf(file: string): SourceFile {
  const format = sniffImageFormat(readFileSync(file));
  if (format === undefined) throw new Error(`${file} is not a picture`);
  return { path: file, format };
}

/** A task on pictures that writes no document. */
export function taskOf<Params>(
  sources: readonly SourceFile[],
  params: Params,
  limits: ImageLimits,
  outputPath: string,
): Task<Params> {
  const inputs = sources.map((source) => ({ ...source, documentPath: null, filename: 'picture' }));
  return { inputs, params, limits, outputPath, documentPath: `${outputPath}.json` };
}

/** A PNG that claims a size and holds `data`, compressed, as its scanlines. */
export function makePng(width: number, height: number, data: Buffer): Buffer {
  return Buffer.concat([pngHeader(width, height, 8, RGB), pngChunk('IDAT', deflateSync(data)), PNG_END]);
}

/** A GIF of `pages` pages of 1×1 on a canvas; 23 bytes each, however large the canvas that each is drawn on. */
export function makeGif(pages: number, width: number, height: number): Buffer {
  const head = Buffer.from([...Buffer.from('GIF89a'), 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
  head.writeUInt16LE(width, 6);
  head.writeUInt16LE(height, 8);
  const control = [0x21, 0xf9, 4, 0, 1, 0, 0, 0];
  const picture = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
  const page = Buffer.from([...control, ...picture]);
  return Buffer.concat([head, ...Array<Buffer>(pages).fill(page), Buffer.from([0x3b])]);
}

/** A WebP animation that repeats a still picture. */
export function makeAnimatedWebp(still: Buffer, pages: number): Buffer {
  const chunk = (type: string, payload: Buffer) => {
    const header = Buffer.alloc(8);
    header.write(type, 'latin1');
    header.writeUInt32LE(payload.length, 4);
    return Buffer.concat([header, payload, Buffer.alloc(payload.length % 2)]);
  };
  const pageHeader = Buffer.alloc(16);
  const body = Buffer.concat([
    Buffer.from('WEBP'),
    chunk('VP8X', Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
    chunk('ANIM', Buffer.alloc(6)),
    ...Array<Buffer>(pages).fill(chunk('ANMF', Buffer.concat([pageHeader, still.subarray(12)]))),
  ]);
  return chunk('RIFF', body);
}

/** A little-endian TIFF of uncompressed grey pages, all reading the same pixels at the end of the file. */
export function makeTiff(
  sizes: readonly (readonly [number, number])[],
  linkLast: 'end' | 'loop' = 'end',
): Buffer {
  const largest = sizes.reduce((most, [width, height]) => Math.max(most, width * height), 0);
  const pixels = Buffer.alloc(largest, 128);
  const tags = 9;
  const length = 2 + tags * 12 + 4;
  const directories = sizes.map(([width, height], index) => {
    const directory = Buffer.alloc(length);
    const values = [
      [256, width],
      [257, height],
      [258, 8],
      [259, 1],
      [262, 1],
      [273, 8 + sizes.length * length],
      [277, 1],
      [278, height],
      [279, width * height],
    ];
    directory.writeUInt16LE(tags, 0);
    values.forEach(([tag = 0, value = 0], entry) => {
      directory.writeUInt16LE(tag, 2 + entry * 12);
      directory.writeUInt16LE(4, 4 + entry * 12);
      directory.writeUInt32LE(1, 6 + entry * 12);
      directory.writeUInt32LE(value, 10 + entry * 12);
    });
    const isLast = index === sizes.length - 1;
    directory.writeUInt32LE(isLast ? (linkLast === 'loop' ? 8 : 0) : 8 + (index + 1) * length, length - 4);
    return directory;
  });
  return Buffer.concat([Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0]), ...directories, pixels]);
}

/** The frame header of a progressive JPEG (SOF2) with its size replaced. */
export function resizeJpegHeader(jpeg: Buffer, width: number, height: number): Buffer {
  const copy = Buffer.from(jpeg);
  const frame = copy.indexOf(Buffer.from([0xff, 0xc2]));
  copy.writeUInt16BE(height, frame + 5);
  copy.writeUInt16BE(width, frame + 7);
  return copy;
}
