import { decoding } from '../pictures/decode-failure.ts';
import { openStored, type PictureFile, storedForm } from '../pictures/open.ts';
import { samplesOf, toPixels } from '../pictures/pixels.ts';
import type { PictureFacts } from './params.ts';
import type { Raster } from './raster.ts';
import type { Region } from './schemas.ts';

/** The form in which a picture is counted. */
export function countedForm(picture: PictureFile): PictureFacts {
  const { colorSpace, bitDepth } = storedForm(picture);
  const { size, hasAlpha } = picture;
  // 8-bit grey with alpha is decoded to four bands.
  const alphaBand = colorSpace === 'grey' && bitDepth === 16 ? 1 : 3;
  return { ...size, colorSpace, bitDepth, alpha: hasAlpha ? alphaBand : null };
}

/**
 * Decodes a picture, or a box in it, to the numbers to count. Pixels outside the box are not held in memory, and rows
 * below it are not decoded if the format allows that.
 *
 * @throws AppError as `decoding`
 */
export async function readRaster(picture: PictureFile, region?: Region): Promise<Raster> {
  const { colorSpace, bitDepth, alpha } = countedForm(picture);
  const decode = async () => {
    const image = await openStored(picture);
    if (region !== undefined) image.extract(region);
    return toPixels(image, bitDepth);
  };
  const { data, size, channels } = await decoding(picture.file, decode());
  return { samples: samplesOf(data, bitDepth), ...size, stride: channels, colorSpace, alpha, bitDepth };
}
