import sharp, { type Metadata } from 'sharp';
import { AppError, parameterError } from '../errors.ts';
import { restrictLoaders } from '../pictures/loaders.ts';
import { releaseArray } from '../pictures/release.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';

// Once: while it runs, loaders are blocked for a moment, and a decode in another thread would be refused.
restrictLoaders();

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
  try {
    const { space } = await checkHeader(source.path, page, limits);
    const isGrey = space === 'b-w' || space === 'grey16';
    const image = sharp(source.path, {
      page,
      failOn: 'warning',
      limitInputPixels: limits.maxPixels,
    }).autoOrient();
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const picture = {
      width: info.width,
      height: info.height,
      channels: info.channels as Picture['channels'],
      data,
    };
    return isGrey ? withoutRepeats(picture) : picture;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('undecodable_image', 'The image could not be decoded.', { cause });
  }
}

async function checkHeader(path: string, page: number, limits: ImageLimits): Promise<Metadata> {
  const first = await sharp(path, { limitInputPixels: false }).metadata();
  const pages = first.pages ?? 1;
  if (page >= pages) throw parameterError('/page', `Expected a page below ${pages}, got ${page}.`);
  // The pages of a TIFF differ in size and colour.
  const header = page === 0 ? first : await sharp(path, { page, limitInputPixels: false }).metadata();
  if (header.width * header.height > limits.maxPixels) {
    throw new AppError(
      'too_many_pixels',
      `Expected at most ${limits.maxPixels} pixels, got ${header.width} × ${header.height}.`,
    );
  }
  return header;
}

/**
 * Grey, which sharp decodes to three equal channels, as one. Asked for one channel (`toColourspace('b-w')`), sharp
 * drops the alpha channel.
 */
function withoutRepeats({ width, height, channels, data }: Picture): Picture {
  if (channels < 3) return { width, height, channels, data };
  const hasAlpha = channels === 4;
  const kept = hasAlpha ? 2 : 1;
  const out = new Uint8Array(width * height * kept);
  for (let from = 0, to = 0; to < out.length; from += channels, to += kept) {
    out[to] = data[from] as number;
    if (hasAlpha) out[to + 1] = data[from + 3] as number;
  }
  releaseArray(data);
  return { width, height, channels: kept, data: out };
}

/** The picture scaled down by averages so that its longer side is `size` at most; itself where it is already. */
export async function reducePicture(picture: Picture, size: number): Promise<Picture> {
  const longer = Math.max(picture.width, picture.height);
  if (longer <= size) return picture;
  const width = Math.max(1, Math.round((picture.width * size) / longer));
  const height = Math.max(1, Math.round((picture.height * size) / longer));
  const { data, info } = await sharp(picture.data, { raw: picture, limitInputPixels: false })
    .resize(width, height, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const reduced = { width, height, channels: info.channels as Picture['channels'], data };
  return colorChannels(picture) === 1 ? withoutRepeats(reduced) : reduced;
}
