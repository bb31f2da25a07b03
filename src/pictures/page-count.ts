import { closeSync, openSync, readSync } from 'node:fs';
import type { SourceFile } from './types.ts';

/** Reads bytes at an offset; fewer than asked for at the end of the file. */
type ReadAt = (offset: number, length: number) => Buffer;

/**
 * Counts the frames of a WebP or the pages of a TIFF by walking their headers, and stops past `limit`: libvips takes
 * 9.7 s to open a 5 MB WebP of 100,000 frames (its time grows with the square) and 1.7 s a TIFF of 200,000 pages.
 * Gives 1 for other formats. A chain that ends early or runs in a circle is left for the decoder to refuse.
 *
 * Synchronous, for an image process, which has nothing else to do meanwhile.
 */
export function countPages({ path, format }: SourceFile, limit: number): number {
  if (format !== 'webp' && format !== 'tiff') return 1;
  const descriptor = openSync(path, 'r');
  try {
    const readAt: ReadAt = (offset, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    };
    return format === 'webp' ? countFrames(readAt, limit) : countDirectories(readAt, limit);
  } finally {
    closeSync(descriptor);
  }
}

/** RIFF chunks: FourCC, size, padded payload. Each frame of an animation is an `ANMF` chunk. */
function countFrames(readAt: ReadAt, limit: number): number {
  let frames = 0;
  for (let offset = 12; frames <= limit; ) {
    const header = readAt(offset, 8);
    if (header.length < 8) break;
    if (header.toString('latin1', 0, 4) === 'ANMF') frames += 1;
    const size = header.readUInt32LE(4);
    offset += 8 + size + (size % 2);
  }
  return Math.max(frames, 1);
}

/** Image file directories, each linked to the next: 32-bit offsets in TIFF 6.0, 64-bit ones in BigTIFF. */
function countDirectories(readAt: ReadAt, limit: number): number {
  const head = readAt(0, 16);
  if (head.length < 16) return 1;
  const isLittleEndian = head[0] === 0x49;
  const uint = (bytes: Buffer, offset: number, size: 2 | 4 | 8): number => {
    if (size === 8) {
      return Number(isLittleEndian ? bytes.readBigUInt64LE(offset) : bytes.readBigUInt64BE(offset));
    }
    return isLittleEndian ? bytes.readUIntLE(offset, size) : bytes.readUIntBE(offset, size);
  };
  const isBig = uint(head, 2, 2) === 43;
  const offsetSize = isBig ? 8 : 4;
  const countSize = isBig ? 8 : 2;
  const entrySize = isBig ? 20 : 12;
  const seen = new Set<number>();
  let next = uint(head, isBig ? 8 : 4, offsetSize);
  while (next !== 0 && seen.size <= limit && !seen.has(next) && Number.isSafeInteger(next)) {
    seen.add(next);
    const count = readAt(next, countSize);
    if (count.length < countSize) break;
    const link = next + countSize + uint(count, 0, countSize) * entrySize;
    const bytes = Number.isSafeInteger(link) ? readAt(link, offsetSize) : count.subarray(0, 0);
    if (bytes.length < offsetSize) break;
    next = uint(bytes, 0, offsetSize);
  }
  return Math.max(seen.size, 1);
}
