import type { ReadAt } from './read-at.ts';

/** An image file directory: one page of a TIFF. */
export interface TiffDirectory {
  /** Of its entries. */
  tags: ReadonlySet<number>;
}

/** Bytes of a value by its type: TIFF 6.0, its Technical Note 1 (13), and BigTIFF (16 to 18). */
const TYPE_BYTES: Partial<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};

/** Read at once: the entries of the largest directory of a classic TIFF, which counts them by 16 bits. */
const MAX_BYTES = 65_535 * 20;

/**
 * The image file directories of a TIFF, each linked to the next: 32-bit offsets in TIFF 6.0, 64-bit ones in BigTIFF.
 *
 * @throws Error for a file that ends before what a directory refers to, and where the links run in a circle; libtiff does
 *   without the pages and texts that it does not find
 */
export function* tiffDirectories(readAt: ReadAt): Generator<TiffDirectory> {
  const head = readAt(0, 16);
  if (head.length < 16) return;
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
  while (next !== 0) {
    if (seen.has(next)) throw new Error('the list of its pages runs in a circle');
    seen.add(next);
    const count = readAll(readAt, next, countSize);
    const first = next + countSize;
    const entries = readAll(readAt, first, uint(count, 0, countSize) * entrySize);
    const tags = new Set<number>();
    let end = 0;
    for (let entry = 0; entry < entries.length; entry += entrySize) {
      tags.add(uint(entries, entry, 2));
      const bytes = (TYPE_BYTES[uint(entries, entry + 2, 2)] ?? 0) * uint(entries, entry + 4, offsetSize);
      // A value that does not fit its entry lies elsewhere.
      if (bytes > offsetSize) end = Math.max(end, uint(entries, entry + 4 + offsetSize, offsetSize) + bytes);
    }
    if (end > 0) readAll(readAt, end - 1, 1);
    yield { tags };
    // Some writers leave the last link out.
    const link = readAt(first + entries.length, offsetSize);
    next = link.length < offsetSize ? 0 : uint(link, 0, offsetSize);
  }
}

function readAll(readAt: ReadAt, offset: number, length: number): Buffer {
  const isSane = Number.isSafeInteger(offset) && length <= MAX_BYTES;
  const bytes = isSane ? readAt(offset, length) : Buffer.alloc(0);
  if (bytes.length < length) throw new Error('its data ends early');
  return bytes;
}
