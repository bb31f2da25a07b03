import sharp from 'sharp';
import { AppError, parameterError } from '../errors.ts';
import { restrictLoaders } from '../imaging/loaders.ts';
import type { ImageLimits, SourceFile } from '../imaging/types.ts';

/** Decoded pixels: 8 bits, row-major, interleaved; colour is sRGB. */
export interface Picture {
  width: number;
  height: number;
  /** 1 grey, 2 grey and alpha, 3 red, green, blue, 4 with alpha. */
  channels: 1 | 2 | 3 | 4;
  /** H×W×channels. */
  data: Uint8Array;
}

/** Number of channels that are colour: 1 or 3. */
export function colorChannels(picture: Picture): 1 | 3 {
  return picture.channels < 3 ? 1 : 3;
}

/** Index of the alpha channel, or -1. */
export function alphaChannel(picture: Picture): number {
  return picture.channels % 2 === 0 ? picture.channels - 1 : -1;
}

/**
 * Decodes one page of a picture: EXIF orientation applied, colour converted to sRGB (CMYK, CIELAB and profiles
 * too), 16-bit samples reduced to 8; a one-channel picture keeps its levels as stored.
 *
 * @throws AppError `validation_failed` for a page that is not there, `too_many_pixels`, `undecodable_image`
 */
export async function decodePicture(source: SourceFile, page: number, limits: ImageLimits): Promise<Picture> {
  restrictLoaders();
  try {
    const header = await sharp(source.path, { limitInputPixels: false }).metadata();
    const pages = header.pages ?? 1;
    if (page >= pages) throw parameterError('/page', `Expected a page below ${pages}, got ${page}.`);
    const height = header.pageHeight ?? header.height;
    if (header.width * height > limits.maxPixels) {
      throw new AppError(
        'too_many_pixels',
        `Expected at most ${limits.maxPixels} pixels, got ${header.width} × ${height}.`,
      );
    }
    const image = sharp(source.path, {
      page,
      failOn: 'warning',
      limitInputPixels: limits.maxPixels,
    }).autoOrient();
    // Without it, sharp repeats a grey channel three times.
    if (header.space === 'b-w' || header.space === 'grey16') image.toColourspace('b-w');
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels as Picture['channels'], data };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('undecodable_image', 'The image could not be decoded.', { cause });
  }
}

/** The picture scaled down by averages so that its longer side is `size` at most; itself where it is already. */
export async function reducePicture(picture: Picture, size: number): Promise<Picture> {
  const longer = Math.max(picture.width, picture.height);
  if (longer <= size) return picture;
  const width = Math.max(1, Math.round((picture.width * size) / longer));
  const height = Math.max(1, Math.round((picture.height * size) / longer));
  const data = await sharp(picture.data, { raw: picture, limitInputPixels: false })
    .resize(width, height, { fit: 'fill', kernel: 'linear' })
    .toColourspace(colorChannels(picture) === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer();
  return { width, height, channels: picture.channels, data };
}
