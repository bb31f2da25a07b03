import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

/** Blocks of metadata as sharp's `metadata()` gives them. */
export interface KeptMetadata {
  exif?: Buffer | undefined;
  xmp?: Buffer | undefined;
  icc?: Buffer | undefined;
}

/** PNG signature (8 bytes) and IHDR chunk (25); what follows may come in any order up to the pixels. */
const HEADER_BYTES = 33;

/** "Exif" and two zeros, which a JPEG puts before the TIFF structure and a PNG does not. */
const EXIF_PREFIX = Buffer.from('Exif\0\0', 'latin1');

/**
 * A sharp pipeline that starts with a raster and has metadata. sharp can keep metadata of what it reads but takes none
 * for raw pixels, so they go into a PNG without compression, with the metadata as its chunks (PNG, Third Edition,
 * sections 11.3.2.3, 11.3.3.4 and 11.3.4.5).
 */
export async function openWithMetadata(
  raster: { open(): Sharp },
  { exif, xmp, icc }: KeptMetadata,
): Promise<Sharp> {
  const png = await raster.open().png({ compressionLevel: 0, adaptiveFiltering: false }).toBuffer();
  const chunks = [
    icc === undefined ? [] : chunk('iCCP', Buffer.from('profile\0\0', 'latin1'), deflateSync(icc)),
    exif === undefined ? [] : chunk('eXIf', tiffStructure(exif)),
    // Uncompressed (two zeros), no language, no translated keyword.
    xmp === undefined ? [] : chunk('iTXt', Buffer.from('XML:com.adobe.xmp\0\0\0\0\0', 'latin1'), xmp),
  ].flat();
  const carrier = Buffer.concat([png.subarray(0, HEADER_BYTES), ...chunks, png.subarray(HEADER_BYTES)]);
  let image = sharp(carrier, { limitInputPixels: false });
  if (exif !== undefined) image = image.keepExif();
  if (xmp !== undefined) image = image.keepXmp();
  if (icc !== undefined) image = image.keepIccProfile();
  return image;
}

function chunk(type: string, ...parts: Buffer[]): Buffer[] {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), ...parts]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length - type.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return [length, body, checksum];
}

/** EXIF's tag for orientation, in the first directory (Exif 2.32, section 4.6.4). */
const ORIENTATION_TAG = 0x0112;
const ENTRY_BYTES = 12;

/** EXIF data with the orientation set to 1, for a picture that has been turned. */
export function uprightExif(exif: Buffer): Buffer {
  const tiff = tiffStructure(Buffer.from(exif));
  if (tiff.length < 8) return tiff;
  const isLittle = tiff.toString('latin1', 0, 2) === 'II';
  const readShort = (offset: number) => (isLittle ? tiff.readUInt16LE(offset) : tiff.readUInt16BE(offset));
  const directory = isLittle ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  if (directory + 2 > tiff.length) return tiff;
  const entries = readShort(directory);
  for (let index = 0; index < entries; index += 1) {
    const entry = directory + 2 + index * ENTRY_BYTES;
    if (entry + ENTRY_BYTES > tiff.length) break;
    if (readShort(entry) !== ORIENTATION_TAG) continue;
    if (isLittle) tiff.writeUInt16LE(1, entry + 8);
    else tiff.writeUInt16BE(1, entry + 8);
  }
  return tiff;
}

function tiffStructure(exif: Buffer): Buffer {
  const hasPrefix = exif.subarray(0, EXIF_PREFIX.length).equals(EXIF_PREFIX);
  return hasPrefix ? exif.subarray(EXIF_PREFIX.length) : exif;
}
