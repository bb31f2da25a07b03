import { promisify } from 'node:util';
import { deflate, deflateSync } from 'node:zlib';
import {
  GREY,
  isGreyTable,
  PALETTE,
  PNG_END,
  pngChunk,
  pngChunkParts,
  pngHeader,
  RGBA,
} from '../../pictures/png.ts';
import { isMasked, maskStride } from '../rows/null-mask.ts';
import type { GreyPicture } from './row-binner.ts';

const deflateAsync = promisify(deflate);

/** Interleaved 8-bit pixels, sharp's raw input. */
export interface RawPicture {
  data: Buffer;
  width: number;
  height: number;
  /** RGB, or RGBA if pixels are missing, which are transparent black. */
  channels: 3 | 4;
}

/** A picture of grey levels in the colours of a table (256 × RGB). */
export function paintPicture({ width, height, pixels, nulls }: GreyPicture, table: Uint8Array): RawPicture {
  const channels = nulls === null ? 3 : 4;
  const data = Buffer.alloc(channels * width * height);
  const stride = maskStride(width);
  for (let y = 0, at = 0, out = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++, out += channels) {
      if (nulls !== null && isMasked(nulls, y * stride, x)) continue;
      const color = 3 * (pixels[at] as number);
      data[out] = table[color] as number;
      data[out + 1] = table[color + 1] as number;
      data[out + 2] = table[color + 2] as number;
      if (nulls !== null) data[out + 3] = 255;
    }
  }
  return { data, width, height, channels };
}

/** The chunks before IDAT, and the data of IDAT: pixels with a filter byte before each row. */
interface PngPlan {
  head: Buffer[];
  scanlines: Buffer;
}

function planPng(picture: GreyPicture, table: Uint8Array): PngPlan {
  const { width, height, pixels, nulls } = picture;
  const hole = nulls === null ? -1 : findUnusedLevel(picture);
  if (nulls !== null && hole < 0) {
    const { data } = paintPicture(picture, table);
    return { head: [pngHeader(width, height, 8, RGBA)], scanlines: addFilterBytes(data, 4 * width, height) };
  }
  const scanlines = addFilterBytes(pixels, width, height);
  if (nulls === null && isGreyTable(table)) return { head: [pngHeader(width, height, 8, GREY)], scanlines };
  const head = [pngHeader(width, height, 8, PALETTE), pngChunk('PLTE', table)];
  if (nulls !== null) {
    const alpha = new Uint8Array(hole + 1).fill(255);
    alpha[hole] = 0;
    head.push(pngChunk('tRNS', alpha));
    const stride = maskStride(width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (isMasked(nulls, y * stride, x)) scanlines[y * (width + 1) + 1 + x] = hole;
      }
    }
  }
  return { head, scanlines };
}

/** A grey level that no present pixel has; -1 if all 256 occur, because a palette cannot have a 257th entry. */
function findUnusedLevel({ width, height, pixels, nulls }: GreyPicture): number {
  const used = new Uint8Array(256);
  const stride = maskStride(width);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (nulls === null || !isMasked(nulls, y * stride, x)) used[pixels[at] as number] = 1;
    }
  }
  return used.indexOf(0);
}

function addFilterBytes(data: Uint8Array, rowBytes: number, height: number): Buffer {
  const scanlines = Buffer.alloc((rowBytes + 1) * height);
  for (let y = 0; y < height; y++) {
    scanlines.set(data.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  }
  return scanlines;
}

/**
 * A picture of grey levels as the parts of a PNG in the colours of a table (256 × RGB): a palette with one byte per pixel, in
 * which missing pixels are transparent (RGBA only if all 256 levels and missing pixels occur). It is deflated off the event
 * loop, at level 3, because level 6 takes twice as long for little gain.
 */
export async function encodePicturePng(picture: GreyPicture, table: Uint8Array): Promise<Uint8Array[]> {
  const { head, scanlines } = planPng(picture, table);
  // One chunk, because zlib returns to the event loop after each chunk.
  const chunkSize = Math.max(64, scanlines.length);
  const deflated = await deflateAsync(scanlines, { level: 3, chunkSize });
  return [...head, ...pngChunkParts('IDAT', deflated), PNG_END];
}

/** A strip of all 256 colours of a table, 256×16 pixels, as a PNG. */
export function encodeSwatch(table: Uint8Array): Buffer {
  const height = 16;
  const pixels = Uint8Array.from({ length: 256 * height }, (_, at) => at & 255);
  const { head, scanlines } = planPng({ width: 256, height, pixels, nulls: null }, table);
  return Buffer.concat([...head, pngChunk('IDAT', deflateSync(scanlines, { level: 9 })), PNG_END]);
}
