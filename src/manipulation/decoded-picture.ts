import sharp, { type Sharp } from 'sharp';
import { type Pixels, toPixels } from '../pictures/pixels.ts';
import type { SourcePicture } from './source.ts';

/** A picture on its way through a pipeline. */
export type PipelinePicture = SourcePicture | DecodedPicture;

/** Decoded pixels: 8-bit sRGB, pages×H×W×channels, row-major, alpha not premultiplied. */
export interface DecodedPicture
  extends Pick<SourcePicture, 'size' | 'pages' | 'hasAlpha' | 'isGrey' | 'open'> {
  data: Buffer;
  channels: 3 | 4;
}

/** Pixels in colour; grey is repeated in three channels. */
export interface ColorPixels extends Pixels {
  channels: 3 | 4;
}

/** A picture from the pixels of all its pages, one below the other. */
export function createDecoded(pixels: Omit<DecodedPicture, 'hasAlpha' | 'open'>): DecodedPicture {
  const { data, size, channels, pages } = pixels;
  const { width, height } = size;
  return {
    ...pixels,
    hasAlpha: channels === 4,
    open: async () =>
      sharp(data, {
        raw: { width, height: height * pages, channels, ...(pages > 1 ? { pageHeight: height } : {}) },
        animated: pages > 1,
        limitInputPixels: false,
      }),
  };
}

/** Runs a sharp pipeline to pixels in colour. */
export async function toColorPixels(image: Sharp): Promise<ColorPixels> {
  const { data, size, channels } = await toPixels(image);
  if (channels === 3 || channels === 4) return { data, size, channels };
  // An operation made it grey.
  if (channels === 1) return { data: joinChannels(data, 1, undefined), size, channels: 3 };
  throw new Error('sharp gives grey with alpha as colour');
}

/** One page as a still picture; the pixels are shared, not copied. */
export function pageOf(picture: DecodedPicture, index: number): DecodedPicture {
  const bytes = picture.size.width * picture.size.height * picture.channels;
  const data = picture.data.subarray(index * bytes, (index + 1) * bytes);
  return createDecoded({ ...picture, data, pages: 1 });
}

/** All pages as one still picture, one below the other. */
export function sheetOf(picture: DecodedPicture): DecodedPicture {
  const { width, height } = picture.size;
  return createDecoded({ ...picture, size: { width, height: height * picture.pages }, pages: 1 });
}

/** The colours of an RGBA picture, and its alpha channel (H×W). */
export function splitAlpha(picture: DecodedPicture): { color: DecodedPicture; alpha: Buffer } {
  const count = picture.data.length / 4;
  const color = Buffer.allocUnsafe(count * 3);
  const alpha = Buffer.allocUnsafe(count);
  for (let pixel = 0, from = 0, to = 0; pixel < count; pixel += 1, from += 4, to += 3) {
    color[to] = picture.data[from] ?? 0;
    color[to + 1] = picture.data[from + 1] ?? 0;
    color[to + 2] = picture.data[from + 2] ?? 0;
    alpha[pixel] = picture.data[from + 3] ?? 0;
  }
  return { color: createDecoded({ ...picture, data: color, channels: 3 }), alpha };
}

/** RGB or RGBA pixels from one or three colour channels and, if given, an alpha channel. */
export function joinChannels(color: Buffer, channels: 1 | 3, alpha: Buffer | undefined): Buffer {
  const count = color.length / channels;
  const width = alpha === undefined ? 3 : 4;
  const joined = Buffer.allocUnsafe(count * width);
  const [green, blue] = channels === 1 ? [0, 0] : [1, 2];
  for (let pixel = 0, from = 0, to = 0; pixel < count; pixel += 1, from += channels, to += width) {
    joined[to] = color[from] ?? 0;
    joined[to + 1] = color[from + green] ?? 0;
    joined[to + 2] = color[from + blue] ?? 0;
    if (alpha !== undefined) joined[to + 3] = alpha[pixel] ?? 0;
  }
  return joined;
}
