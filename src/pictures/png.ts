import { crc32 } from 'node:zlib';

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

/** Whether a table of 256 RGB colours maps each level to the same grey, so that a grey picture is equal. */
export function isGreyTable(table: Uint8Array): boolean {
  return table.every((value, index) => value === Math.floor(index / 3));
}
