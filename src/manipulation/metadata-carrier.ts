import sharp, { type Sharp } from 'sharp';
import { withoutExifPrefix } from '../pictures/exif.ts';
import { pngChunk, withPngChunks, withPngProfile } from '../pictures/png.ts';

/** Blocks of metadata as sharp's `metadata()` gives them. */
export interface KeptMetadata {
  exif?: Buffer | undefined;
  xmp?: Buffer | undefined;
  icc?: Buffer | undefined;
}

/**
 * A sharp pipeline that starts with a raster and has metadata. sharp keeps metadata only of a file that it reads, so the pixels
 * go into an uncompressed PNG with the metadata as chunks (PNG, Third Edition, sections 11.3.3.4 and 11.3.4.5).
 */
export async function openWithMetadata(
  raster: { open(): Promise<Sharp> },
  { exif, xmp, icc }: KeptMetadata,
): Promise<Sharp> {
  const pixels = await raster.open();
  const png = await pixels.png({ compressionLevel: 0, adaptiveFiltering: false }).toBuffer();
  const chunk = (type: string, ...parts: Buffer[]) => pngChunk(type, Buffer.concat(parts));
  const chunks = [
    exif === undefined ? [] : chunk('eXIf', withoutExifPrefix(exif)),
    // Uncompressed (two zeros), no language, no translated keyword.
    xmp === undefined ? [] : chunk('iTXt', Buffer.from('XML:com.adobe.xmp\0\0\0\0\0', 'latin1'), xmp),
  ].flat();
  const carrier = withPngChunks(withPngProfile(png, icc), chunks);
  let image = sharp(carrier, { limitInputPixels: false });
  if (exif !== undefined) image = image.keepExif();
  if (xmp !== undefined) image = image.keepXmp();
  if (icc !== undefined) image = image.keepIccProfile();
  return image;
}
