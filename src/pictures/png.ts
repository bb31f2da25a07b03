import { crc32, deflateSync } from 'node:zlib';

/** The parts of the PNG format (W3C PNG, third edition) that this project writes itself. */

/** The first bytes of every PNG file, as Latin-1. */
export const PNG_SIGNATURE = '\x89PNG\r\n\x1a\n';

/** Colour types of IHDR. */
export const GREY = 0;
export const RGB = 2;
export const PALETTE = 3;
export const RGBA = 6;

/** A chunk: length, type, data and checksum. */
export function pngChunk(type: string, data: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat(pngChunkParts(type, data));
}

/** The same chunk in parts, so that the data is not copied. */
export function pngChunkParts(type: string, data: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length, 0);
  head.write(type, 4, 'latin1');
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(data, crc32(head.subarray(4))), 0);
  return [head, data, checksum];
}

/** The signature and the IHDR chunk: 33 bytes. */
export function pngHeader(width: number, height: number, bitDepth: number, colorType: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data[8] = bitDepth;
  data[9] = colorType;
  return Buffer.concat([Buffer.from(PNG_SIGNATURE, 'latin1'), pngChunk('IHDR', data)]);
}

export const PNG_END = pngChunk('IEND');

/** Bytes of the signature and the IHDR chunk. */
const HEADER_BYTES = 33;

/** A PNG with more chunks before its pixels, which may come in any order. */
export function withPngChunks(png: Buffer, chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([png.subarray(0, HEADER_BYTES), ...chunks, png.subarray(HEADER_BYTES)]);
}

/** A PNG with an ICC profile instead of the one that it may have (section 11.3.2.3). */
export function withPngProfile(png: Buffer, profile: Buffer | undefined): Buffer {
  if (profile === undefined) return png;
  const chunk = pngChunk('iCCP', Buffer.concat([Buffer.from('profile\0\0', 'latin1'), deflateSync(profile)]));
  return withPngChunks(withoutProfile(png), [chunk]);
}

function withoutProfile(png: Buffer): Buffer {
  for (let at = HEADER_BYTES; at + 8 <= png.length; ) {
    const type = png.toString('latin1', at + 4, at + 8);
    const end = at + 12 + png.readUInt32BE(at);
    if (type === 'iCCP') return Buffer.concat([png.subarray(0, at), png.subarray(end)]);
    if (type === 'IDAT') break;
    at = end;
  }
  return png;
}

/** Whether a table of 256 RGB colours maps each level to the same grey, so that a grey picture is equal. */
export function isGreyTable(table: Uint8Array): boolean {
  return table.every((value, index) => value === Math.floor(index / 3));
}
