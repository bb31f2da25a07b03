import { constants, deflateSync } from 'node:zlib';
import { GREY, isGreyTable, PALETTE, PNG_END, pngHeader, RGB, RGBA } from '../../pictures/png.ts';
import { isMasked } from './null-mask.ts';

/** Filtered bytes up to which a row is stored instead of deflated. */
const MAX_STORED = 1024;
const HEADER_BYTES = 33;
const CHUNK_BYTES = 12;
/** zlib header, block header and Adler-32 around stored bytes. */
const STORED_BYTES = 11;

const PLTE = 0x504c5445;
const TRNS = 0x74524e53;
const IDAT = 0x49444154;

/** RFC 4648, 4. */
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1');
const PAD = 61;

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * Writes single rows as PNG files one pixel high, a hundred thousand and more a second.
 *
 * Each is a palette of only the colours that the row uses, with 1, 2, 4 or 8 bits a pixel, transparent where a pixel is
 * missing; grey where the table is the plain grey scale; RGB or RGBA where that is smaller. Bytes are stored, not
 * deflated, up to about 1,000 pixels. Measured on 5,460 rows of 150 pixels with the `core` map, bytes and microseconds
 * a row: RGB deflated 377 and 40 to 90, palette deflated 269 and 35 to 60, full palette stored 999, RGB stored 519, this
 * one 318 and 2.
 */
export class RowPngEncoder {
  private readonly table: Uint8Array;
  private readonly grey: boolean;
  private out = Buffer.alloc(4096);
  private length = 0;
  private indices = new Uint8Array(1024);
  /** Palette entry of each grey level in the row, -1 where it hasn't come yet. */
  private readonly entries = new Int16Array(256);
  /** The grey level of each palette entry, and how many there are; a missing pixel's entry is the first. */
  private readonly levels = new Uint8Array(257);
  private used = 0;
  private readonly headers = new Map<number, Buffer>();

  /** @param table 256 × RGB, the colour of each grey level. */
  constructor(table: Uint8Array) {
    this.table = table;
    this.grey = isGreyTable(table);
  }

  /**
   * The PNG file of one row.
   * @param pixels grey levels, of which `width` from `offset` are the row.
   * @param mask the row's bitmap of missing pixels (null-mask.ts), or null for none.
   */
  encode(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null = null): Buffer {
    this.write(pixels, offset, width, mask);
    return Buffer.from(this.out.subarray(0, this.length));
  }

  /** Bytes that `writeBase64` may need for a row of `width` pixels. */
  static maxBase64Bytes(width: number): number {
    return 4 * Math.ceil((4 * width + 2048) / 3);
  }

  /**
   * Writes the same in Base64, as ASCII, at `at` of a target with room for `maxBase64Bytes`. No text is made of it: for a
   * hundred thousand rows, collecting that garbage took a quarter of the time.
   * @returns the position behind it.
   */
  writeBase64(
    target: Uint8Array,
    at: number,
    pixels: Uint8Array,
    offset: number,
    width: number,
    mask: Uint8Array | null = null,
  ): number {
    this.write(pixels, offset, width, mask);
    const { out, length } = this;
    const whole = length - (length % 3);
    let to = at;
    for (let from = 0; from < whole; from += 3) {
      const bits =
        ((out[from] as number) << 16) | ((out[from + 1] as number) << 8) | (out[from + 2] as number);
      target[to++] = BASE64[bits >> 18] as number;
      target[to++] = BASE64[(bits >> 12) & 63] as number;
      target[to++] = BASE64[(bits >> 6) & 63] as number;
      target[to++] = BASE64[bits & 63] as number;
    }
    if (whole < length) {
      const bits =
        ((out[whole] as number) << 16) | (whole + 1 < length ? (out[whole + 1] as number) << 8 : 0);
      target[to++] = BASE64[bits >> 18] as number;
      target[to++] = BASE64[(bits >> 12) & 63] as number;
      target[to++] = whole + 1 < length ? (BASE64[(bits >> 6) & 63] as number) : PAD;
      target[to++] = PAD;
    }
    return to;
  }

  private write(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null): void {
    // The greatest case: RGBA, or a full palette and its indices.
    const needed = 4 * width + 2048;
    if (this.out.length < needed) this.out = Buffer.alloc(needed);
    if (this.grey && mask === null) {
      this.begin(width, 8, GREY);
      this.beginData();
      this.out.set(pixels.subarray(offset, offset + width), this.length);
      this.endData(width);
    } else {
      this.findPalette(pixels, offset, width, mask);
      const { used } = this;
      const bits = used <= 2 ? 1 : used <= 4 ? 2 : used <= 16 ? 4 : 8;
      const indexed = CHUNK_BYTES + 3 * used + (mask ? CHUNK_BYTES + 1 : 0) + ((width * bits + 7) >> 3);
      if (used > 256 || (mask ? 4 : 3) * width < indexed) this.writeDirect(pixels, offset, width, mask);
      else this.writeIndexed(width, bits, mask !== null);
    }
    this.out.set(PNG_END, this.length);
    this.length += PNG_END.length;
  }

  private findPalette(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null): void {
    if (this.indices.length < width) this.indices = new Uint8Array(width);
    const { entries, levels, indices } = this;
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
    this.used = used;
  }

  private writeIndexed(width: number, bits: number, transparent: boolean): void {
    const { out, table, levels, indices, used } = this;
    this.begin(width, bits, PALETTE);
    const palette = this.beginChunk(3 * used, PLTE);
    let at = this.length;
    for (let entry = 0; entry < used; entry++) {
      const color = 3 * (levels[entry] as number);
      out[at++] = table[color] as number;
      out[at++] = table[color + 1] as number;
      out[at++] = table[color + 2] as number;
    }
    this.length = at;
    this.endChunk(palette);
    if (transparent) {
      // Only the first entry is named: those without an alpha are opaque.
      const alpha = this.beginChunk(1, TRNS);
      out[this.length++] = 0;
      this.endChunk(alpha);
    }
    this.beginData();
    at = this.length;
    if (bits === 8) {
      for (let x = 0; x < width; x++) out[at + x] = indices[x] as number;
      this.endData(width);
      return;
    }
    const perByte = 8 / bits;
    for (let x = 0; x < width; at++) {
      let byte = 0;
      for (let i = 0; i < perByte; i++, x++) byte = (byte << bits) | (x < width ? (indices[x] as number) : 0);
      out[at] = byte;
    }
    this.endData(at - this.length);
  }

  private writeDirect(pixels: Uint8Array, offset: number, width: number, mask: Uint8Array | null): void {
    this.begin(width, 8, mask ? RGBA : RGB);
    this.beginData();
    const { out, table } = this;
    let at = this.length;
    for (let x = 0; x < width; x++) {
      const present = mask === null || !isMasked(mask, 0, x);
      const color = 3 * (pixels[offset + x] as number);
      out[at++] = present ? (table[color] as number) : 0;
      out[at++] = present ? (table[color + 1] as number) : 0;
      out[at++] = present ? (table[color + 2] as number) : 0;
      if (mask !== null) out[at++] = present ? 255 : 0;
    }
    this.endData(at - this.length);
  }

  /** Writes the signature and IHDR, which are the same for all rows of a kind. */
  private begin(width: number, bitDepth: number, colorType: number): void {
    const kind = (width * 16 + bitDepth) * 16 + colorType;
    let header = this.headers.get(kind);
    if (header === undefined) {
      header = pngHeader(width, 1, bitDepth, colorType);
      // Widths are few in practice, but nothing makes them so.
      if (this.headers.size > 64) this.headers.clear();
      this.headers.set(kind, header);
    }
    this.out.set(header, 0);
    this.length = HEADER_BYTES;
  }

  /** @returns where the chunk's type stands, for `endChunk`. */
  private beginChunk(bytes: number, type: number): number {
    this.putWord(bytes);
    this.putWord(type);
    return this.length - 4;
  }

  /** Writes the checksum of what came since the chunk's type. */
  private endChunk(from: number): void {
    const { out, length } = this;
    let crc = -1;
    for (let at = from; at < length; at++) {
      crc = (CRC_TABLE[(crc ^ (out[at] as number)) & 255] as number) ^ (crc >>> 8);
    }
    this.putWord(~crc);
  }

  /** Leaves room for all of IDAT that precedes the pixels, and writes the row's filter: none. */
  private beginData(): void {
    this.length += 8 + 7;
    this.out[this.length++] = 0;
  }

  /** Completes IDAT around `bytes` of pixels, which stand from `length` on. */
  private endData(bytes: number): void {
    const { out } = this;
    const filtered = bytes + 1;
    const from = this.length - 1;
    this.length = from - 15;
    if (filtered > MAX_STORED) {
      const deflated = deflateSync(out.subarray(from, from + filtered), { level: constants.Z_BEST_SPEED });
      const data = this.beginChunk(deflated.length, IDAT);
      // Noise can grow by some bytes, for which `write` made room.
      out.set(deflated, this.length);
      this.length += deflated.length;
      this.endChunk(data);
      return;
    }
    const data = this.beginChunk(filtered + STORED_BYTES, IDAT);
    // RFC 1950 header without a preset; RFC 1951 stored block, the last one.
    out[this.length++] = 0x78;
    out[this.length++] = 0x01;
    out[this.length++] = 0x01;
    out[this.length++] = filtered & 255;
    out[this.length++] = filtered >> 8;
    out[this.length++] = ~filtered & 255;
    out[this.length++] = (~filtered >> 8) & 255;
    this.length += filtered;
    // Adler-32; 1,024 bytes keep both sums below 2^31, so one division at the end is enough.
    let a = 1;
    let b = 0;
    for (let at = from; at < from + filtered; at++) {
      a += out[at] as number;
      b += a;
    }
    this.putWord(((b % 65521) << 16) | (a % 65521));
    this.endChunk(data);
  }

  private putWord(value: number): void {
    const { out } = this;
    out[this.length++] = value >>> 24;
    out[this.length++] = value >>> 16;
    out[this.length++] = value >>> 8;
    out[this.length++] = value;
  }
}
