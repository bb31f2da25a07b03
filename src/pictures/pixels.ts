import type { Sharp } from 'sharp';
import type { Size } from './types.ts';

/** Decoded pixels: H×W×channels, row-major, alpha not premultiplied. */
export interface Pixels {
  /** Unsigned samples of 8 or 16 bits, in the byte order of the machine. */
  data: Buffer;
  size: Size;
  /** 1 grey, 2 grey and alpha, 3 red, green, blue, 4 with alpha. */
  channels: 1 | 2 | 3 | 4;
}

/** Runs a sharp pipeline to pixels. If it reads a client's file, run it in `decoding`. */
export async function toPixels(image: Sharp, bitDepth: 8 | 16 = 8): Promise<Pixels> {
  const { data, info } = await image
    .raw({ depth: bitDepth === 16 ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const size = { width: info.width, height: info.height };
  const { channels } = info;
  if (channels === 1 || channels === 2 || channels === 3 || channels === 4) return { data, size, channels };
  return { data: colorBands(data, channels, bitDepth / 8), size, channels: 3 };
}

/** The samples in the data from `toPixels`; the memory is shared. */
export function samplesOf(
  { buffer, byteOffset, length }: Buffer,
  bitDepth: 8 | 16,
): Uint8Array | Uint16Array {
  return bitDepth === 16
    ? new Uint16Array(buffer, byteOffset, length / 2)
    : new Uint8Array(buffer, byteOffset, length);
}

/** The colours of a TIFF with samples beyond colours and one alpha channel, whose meaning is not known. */
function colorBands(data: Buffer, channels: number, sampleBytes: number): Buffer {
  const [from, to] = [channels * sampleBytes, 3 * sampleBytes];
  const out = Buffer.allocUnsafe((data.length / from) * to);
  for (let start = 0, at = 0; at < out.length; start += from) {
    for (let byte = 0; byte < to; byte += 1, at += 1) out[at] = data[start + byte] ?? 0;
  }
  return out;
}
