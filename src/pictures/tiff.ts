import type { ReadAt } from './read-at.ts';

/** An entry of an image file directory: a tag and the place of its values. */
export interface TiffEntry {
  tag: number;
  /** Type of its values: 2 is text, 3 a 16-bit number, … */
  type: number;
  count: number;
  /** Offset of its first value from the start of the structure. */
  offset: number;
  /** Bytes of all its values. */
  length: number;
}

/** Bytes of a value by its type, 0 if there is not one: TIFF 6.0, its Technical Note 1 (13), and BigTIFF (16 to 18). */
const TYPE_BYTES: readonly number[] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

/** Maximum bytes that are read at once: the entries of the largest directory that a classic TIFF can have. */
const MAX_BYTES = 65_535 * 20;

/** Reads the numbers and directories of a TIFF structure: 32-bit offsets in TIFF 6.0, 64-bit ones in BigTIFF. */
export class TiffReader {
  /** Offset of the first directory; 0 if there is not one. */
  readonly first: number;
  readonly #readAt: ReadAt;
  readonly #isLittleEndian: boolean;
  readonly #isBig: boolean;

  constructor(readAt: ReadAt) {
    const head = readAt(0, 16);
    this.#readAt = readAt;
    this.#isLittleEndian = head[0] === 0x49;
    this.#isBig = this.uint(head, 2, 2) === 43;
    this.first = (this.#isBig ? this.uint(head, 8, 8) : this.uint(head, 4, 4)) || 0;
  }

  /** An unsigned number; NaN if the bytes end before it does. */
  uint(bytes: Buffer, offset: number, size: 1 | 2 | 4 | 8): number {
    if (offset + size > bytes.length) return Number.NaN;
    if (size === 8) {
      return Number(this.#isLittleEndian ? bytes.readBigUInt64LE(offset) : bytes.readBigUInt64BE(offset));
    }
    return this.#isLittleEndian ? bytes.readUIntLE(offset, size) : bytes.readUIntBE(offset, size);
  }

  /** The bytes of an entry's values, up to a maximum; fewer if the structure ends before. */
  valuesOf({ offset, length }: TiffEntry, maximum: number): Buffer {
    return this.#readAt(offset, Math.min(length, maximum));
  }

  /** A number of a TIFF's type; NaN if the bytes end before it does, or if it is not a number. */
  number(bytes: Buffer, at: number, type: number): number {
    switch (type) {
      case 1:
        return this.uint(bytes, at, 1);
      case 3:
        return this.uint(bytes, at, 2);
      case 4:
        return this.uint(bytes, at, 4);
      case 5:
        return this.uint(bytes, at, 4) / this.uint(bytes, at + 4, 4);
      case 6:
        return toSigned(this.uint(bytes, at, 1), 8);
      case 8:
        return toSigned(this.uint(bytes, at, 2), 16);
      case 9:
        return toSigned(this.uint(bytes, at, 4), 32);
      case 10:
        return toSigned(this.uint(bytes, at, 4), 32) / toSigned(this.uint(bytes, at + 4, 4), 32);
      case 11:
        if (at + 4 > bytes.length) return Number.NaN;
        return this.#isLittleEndian ? bytes.readFloatLE(at) : bytes.readFloatBE(at);
      case 12:
        if (at + 8 > bytes.length) return Number.NaN;
        return this.#isLittleEndian ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at);
      case 16:
        return this.uint(bytes, at, 8);
      default:
        return Number.NaN;
    }
  }

  /** Writes a 16-bit number as this structure does. */
  writeShort(bytes: Buffer, at: number, value: number): void {
    if (this.#isLittleEndian) bytes.writeUInt16LE(value, at);
    else bytes.writeUInt16BE(value, at);
  }

  /** Writes an offset as this structure does. */
  writeOffset(bytes: Buffer, at: number, offset: number): void {
    if (this.#isBig && this.#isLittleEndian) bytes.writeBigUInt64LE(BigInt(offset), at);
    else if (this.#isBig) bytes.writeBigUInt64BE(BigInt(offset), at);
    else if (this.#isLittleEndian) bytes.writeUInt32LE(offset, at);
    else bytes.writeUInt32BE(offset, at);
  }

  /** Place of the offset of the first directory, and its size. */
  get firstLink(): { at: number; size: number } {
    return this.#isBig ? { at: 8, size: 8 } : { at: 4, size: 4 };
  }

  /** The first of an entry's values if they are unsigned integers (SHORT, LONG or LONG8). */
  firstNumber(entry: TiffEntry): number | undefined {
    const size = ({ 3: 2, 4: 4, 16: 8 } as const)[entry.type];
    if (size === undefined || entry.count < 1) return undefined;
    const value = this.uint(this.#readAt(entry.offset, size), 0, size);
    return Number.isNaN(value) ? undefined : value;
  }

  /** A directory's entries that can be read, whether it and all its values are complete, and its link to the next one: its place, and the
   * offset in it or 0. */
  directory(start: number): { entries: TiffEntry[]; isWhole: boolean; linkAt: number; next: number } {
    const [countSize, entrySize, offsetSize] = this.#isBig ? ([8, 20, 8] as const) : ([2, 12, 4] as const);
    const count = this.uint(this.#readAt(start, countSize), 0, countSize);
    const first = start + countSize;
    const bytes = this.#readAt(first, Math.min(count * entrySize || 0, MAX_BYTES));
    const entries: TiffEntry[] = [];
    let end = first;
    for (let at = 0; at + entrySize <= bytes.length; at += entrySize) {
      const type = this.uint(bytes, at + 2, 2);
      const values = this.uint(bytes, at + 4, offsetSize);
      const length = (TYPE_BYTES[type] ?? 0) * values;
      const place = at + 4 + offsetSize;
      // If the values do not fit into the entry, it holds their offset.
      const offset = length > offsetSize ? this.uint(bytes, place, offsetSize) : first + place;
      entries.push({ tag: this.uint(bytes, at, 2), type, count: values, offset, length });
      end = Math.max(end, offset + length);
    }
    const isWhole = entries.length === count && this.#readAt(end - 1, 1).length === 1;
    // Some writers omit the last link.
    const linkAt = first + bytes.length;
    const next = this.uint(this.#readAt(linkAt, offsetSize), 0, offsetSize) || 0;
    return { entries, isWhole, linkAt, next };
  }
}

/** The number of a two's complement. */
function toSigned(value: number, bits: number): number {
  return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
}

/** An image file directory. */
export interface TiffDirectory {
  /** Its place in the file. */
  offset: number;
  entries: TiffEntry[];
  /** The place of its link to the next one. */
  linkAt: number;
}

/**
 * The image file directories of a TIFF, which has one for each page.
 *
 * @throws Error if a directory refers to data past the end of the file, or if the links form a cycle; libtiff silently skips pages
 *   and texts that it does not find
 */
export function* tiffDirectories(readAt: ReadAt): Generator<TiffDirectory> {
  const tiff = new TiffReader(readAt);
  const seen = new Set<number>();
  for (let offset = tiff.first; offset !== 0; ) {
    if (seen.has(offset)) throw new Error('the list of its pages forms a cycle');
    seen.add(offset);
    const { entries, isWhole, linkAt, next } = tiff.directory(offset);
    if (!isWhole) throw new Error('its data ends early');
    yield { offset, entries, linkAt };
    offset = next;
  }
}
