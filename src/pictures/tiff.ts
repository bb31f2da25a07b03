import type { ReadAt } from './read-at.ts';

/** Looked at in one directory: those of TIFF 6.0 are counted by 16 bits. */
const MAX_ENTRIES = 65_535;

/** An image file directory: one page of a TIFF. */
export interface TiffDirectory {
  /** Whether it has an entry with this tag. */
  has(tag: number): boolean;
}

/**
 * The image file directories of a TIFF, each linked to the next: 32-bit offsets in TIFF 6.0, 64-bit ones in BigTIFF.
 *
 * @throws Error where the chain leads out of the file or back to where it has been. A decoder takes the pages before for all.
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
    const first = next + countSize;
    const entries = uint(readFully(readAt, next, countSize), 0, countSize);
    yield {
      has(tag) {
        const bytes = readAt(first, Math.min(entries, MAX_ENTRIES) * entrySize);
        for (let entry = 0; entry + entrySize <= bytes.length; entry += entrySize) {
          if (uint(bytes, entry, 2) === tag) return true;
        }
        return false;
      },
    };
    next = uint(readFully(readAt, first + entries * entrySize, offsetSize), 0, offsetSize);
  }
}

function readFully(readAt: ReadAt, offset: number, length: number): Buffer {
  const bytes = Number.isSafeInteger(offset) ? readAt(offset, length) : Buffer.alloc(0);
  if (bytes.length < length) throw new Error('it ends before its last page');
  return bytes;
}
