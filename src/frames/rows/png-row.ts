import { constants, crc32, deflateSync } from 'node:zlib';
import { GREY, isGreyTable, PALETTE, PNG_END, pngHeader, RGB, RGBA } from '../../pictures/png.ts';
import { isMasked } from './null-mask.ts';

/** Maximum filtered bytes of a row that is stored, not deflated. */
const MAX_STORED = 1024;
const HEADER_BYTES = 33;
const CHUNK_BYTES = 12;
/** zlib header, block header and Adler-32 around stored bytes. */
const STORED_BYTES = 11;

const PLTE = 0x504c5445;
const TRNS = 0x74524e53;
const IDAT = 0x49444154;

/**
 * Writes single rows as PNG files one pixel high.
 *
 * A picture has a palette of the colours that the row uses, with 1, 2, 4 or 8 bits per pixel; missing pixels are
 * transparent. It is grey if the table is the plain grey scale, and RGB or RGBA if that is smaller. Short rows are stored,
 * because deflating takes far longer than everything else. Chunks are written in place, which is faster than joining them.
 */
export class RowPngEncoder {
  readonly #table: Uint8Array;
  readonly #grey: boolean;
  #out = Buffer.alloc(4096);
  #length = 0;
  #indices = new Uint8Array(1024);
  /** Palette entry of each grey level in the row; -1 if the level has not occurred yet. */
  readonly #entries = new Int16Array(256);
  /** The grey level of each of the `#used` palette entries; the first one is that of missing pixels, if there are any. */
  readonly #levels = new Uint8Array(257);
  #used = 0;
  readonly #headers = new Map<number, Buffer>();

  /** @param table 256 × RGB, the colour of each grey level */
  constructor(table: Uint8Array) {
    this.#table = table;
    this.#grey = isGreyTable(table);
  }

  /**
   * The PNG file of one row.
   * @param pixels grey levels, of which `width` from `offset` are the row
   * @param mask the row's bitmap (null-mask.ts); null if no pixel is missing
   */
  encode(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null = null): Buffer {
    this.#write(pixels, offset, width, mask);
    return Buffer.from(this.#out.subarray(0, this.#length));
  }

  /** Maximum bytes that `writeBase64` writes for a row of `width` pixels. */
  static maxBase64Bytes(width: number): number {
    return 4 * Math.ceil((4 * width + 2048) / 3);
  }

  /**
   * Writes the PNG in Base64, as ASCII, at `at` of a target with room for `maxBase64Bytes`.
   * @returns the position after it
   */
  writeBase64(
    target: Buffer,
    at: number,
    pixels: Uint8Array,
    offset: number,
    width: number,
    mask: Uint8Array | null = null,
  ): number {
    this.#write(pixels, offset, width, mask);
    return at + target.write(this.#out.toString('base64', 0, this.#length), at, 'latin1');
  }

  #write(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null): void {
    // The largest case: RGBA, or a full palette and its indices.
    const needed = 4 * width + 2048;
    if (this.#out.length < needed) this.#out = Buffer.alloc(needed);
    if (this.#grey && mask === null) {
      this.#begin(width, 8, GREY);
      this.#beginData();
      this.#out.set(pixels.subarray(offset, offset + width), this.#length);
      this.#endData(width);
    } else {
      this.#findPalette(pixels, offset, width, mask);
      const used = this.#used;
      const bits = used <= 2 ? 1 : used <= 4 ? 2 : used <= 16 ? 4 : 8;
      const indexed = CHUNK_BYTES + 3 * used + (mask ? CHUNK_BYTES + 1 : 0) + ((width * bits + 7) >> 3);
      if (used > 256 || (mask ? 4 : 3) * width < indexed) this.#writeDirect(pixels, offset, width, mask);
      else this.#writeIndexed(width, bits, mask !== null);
    }
    this.#out.set(PNG_END, this.#length);
    this.#length += PNG_END.length;
  }

  #findPalette(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null): void {
    if (this.#indices.length < width) this.#indices = new Uint8Array(width);
    const entries = this.#entries;
    const levels = this.#levels;
    const indices = this.#indices;
    entries.fill(-1);
    let used = mask === null ? 0 : 1;
    levels[0] = 0;
    for (let x = 0; x < width; x++) {
      if (mask !== null && isMasked(mask, 0, x)) {
        indices[x] = 0;
        continue;
      }
      const level = pixels[offset + x] as number;
      let entry = entries[level] as number;
      if (entry < 0) {
        entry = used++;
        entries[level] = entry;
        levels[entry] = level;
      }
      indices[x] = entry;
    }
    this.#used = used;
  }

  #writeIndexed(width: number, bits: number, transparent: boolean): void {
    const out = this.#out;
    const table = this.#table;
    const levels = this.#levels;
    const indices = this.#indices;
    const used = this.#used;
    this.#begin(width, bits, PALETTE);
    const palette = this.#beginChunk(3 * used, PLTE);
    let at = this.#length;
    for (let entry = 0; entry < used; entry++) {
      const color = 3 * (levels[entry] as number);
      out[at++] = table[color] as number;
      out[at++] = table[color + 1] as number;
      out[at++] = table[color + 2] as number;
    }
    this.#length = at;
    this.#endChunk(palette);
    if (transparent) {
      // Only the first entry gets an alpha value; all others are opaque.
      const alpha = this.#beginChunk(1, TRNS);
      out[this.#length++] = 0;
      this.#endChunk(alpha);
    }
    this.#beginData();
    at = this.#length;
    if (bits === 8) {
      for (let x = 0; x < width; x++) out[at + x] = indices[x] as number;
      this.#endData(width);
      return;
    }
    const perByte = 8 / bits;
    for (let x = 0; x < width; at++) {
      let byte = 0;
      for (let i = 0; i < perByte; i++, x++) byte = (byte << bits) | (x < width ? (indices[x] as number) : 0);
      out[at] = byte;
    }
    this.#endData(at - this.#length);
  }

  #writeDirect(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null): void {
    this.#begin(width, 8, mask ? RGBA : RGB);
    this.#beginData();
    const out = this.#out;
    const table = this.#table;
    let at = this.#length;
    for (let x = 0; x < width; x++) {
      const present = mask === null || !isMasked(mask, 0, x);
      const color = 3 * (pixels[offset + x] as number);
      out[at++] = present ? (table[color] as number) : 0;
      out[at++] = present ? (table[color + 1] as number) : 0;
      out[at++] = present ? (table[color + 2] as number) : 0;
      if (mask !== null) out[at++] = present ? 255 : 0;
    }
    this.#endData(at - this.#length);
  }

  /** Writes the signature and IHDR, which are the same for all rows of a width and colour type. */
  #begin(width: number, bitDepth: number, colorType: number): void {
    const kind = (width * 16 + bitDepth) * 16 + colorType;
    let header = this.#headers.get(kind);
    if (header === undefined) {
      header = pngHeader(width, 1, bitDepth, colorType);
      // In practice there are few widths, but their number is not limited.
      if (this.#headers.size > 64) this.#headers.clear();
      this.#headers.set(kind, header);
    }
    this.#out.set(header, 0);
    this.#length = HEADER_BYTES;
  }

  /** @returns the position of the chunk's type, for `endChunk` */
  #beginChunk(bytes: number, type: number): number {
    this.#putWord(bytes);
    this.#putWord(type);
    return this.#length - 4;
  }

  /** Writes the checksum of all bytes from the chunk's type on. */
  #endChunk(from: number): void {
    this.#putWord(crc32(this.#out.subarray(from, this.#length)));
  }

  /** Leaves room for the part of IDAT that precedes the pixels, and writes the row's filter: none. */
  #beginData(): void {
    this.#length += 8 + 7;
    this.#out[this.#length++] = 0;
  }

  /** Completes IDAT around `bytes` bytes of pixels, which start at `#length`. */
  #endData(bytes: number): void {
    const out = this.#out;
    const filtered = bytes + 1;
    const from = this.#length - 1;
    this.#length = from - 15;
    if (filtered > MAX_STORED) {
      const deflated = deflateSync(out.subarray(from, from + filtered), { level: constants.Z_BEST_SPEED });
      const data = this.#beginChunk(deflated.length, IDAT);
      // Noise can grow by a few bytes, for which `#write` has left room.
      out.set(deflated, this.#length);
      this.#length += deflated.length;
      this.#endChunk(data);
      return;
    }
    const data = this.#beginChunk(filtered + STORED_BYTES, IDAT);
    // RFC 1950 header without a preset; RFC 1951 stored block, the last one.
    out[this.#length++] = 0x78;
    out[this.#length++] = 0x01;
    out[this.#length++] = 0x01;
    out[this.#length++] = filtered & 255;
    out[this.#length++] = filtered >> 8;
    out[this.#length++] = ~filtered & 255;
    out[this.#length++] = (~filtered >> 8) & 255;
    this.#length += filtered;
    // Adler-32; with at most 1,024 bytes both sums stay below 2^31, so one division at the end is enough.
    let a = 1;
    let b = 0;
    for (let at = from; at < from + filtered; at++) {
      a += out[at] as number;
      b += a;
    }
    this.#putWord(((b % 65521) << 16) | (a % 65521));
    this.#endChunk(data);
  }

  #putWord(value: number): void {
    this.#length = this.#out.writeUInt32BE(value >>> 0, this.#length);
  }
}
