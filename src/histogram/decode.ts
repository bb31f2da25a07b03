import sharp, { type Metadata } from 'sharp';
import { AppError, parameterError } from '../errors.ts';
import { restrictLoaders } from '../pictures/loaders.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import type { PictureFacts } from './params.ts';
import type { Raster } from './raster.ts';
import type { Region } from './schemas.ts';

// Once: while it runs, loaders are blocked for a moment, and a decode in another thread would be refused.
restrictLoaders();

/** One frame of a file, known from its header and ready to be decoded. */
export interface Frame extends PictureFacts {
  file: SourceFile;
  page: number;
  pages: number;
  /** The stored colour space where it cannot be counted as it is, and 8-bit sRGB is counted instead. */
  convertedFrom: string | null;
  /** Whether width and height, and the pixels to come, are those of the picture turned as its EXIF says. */
  turned: boolean;
}

export interface FrameOptions {
  page: number;
  /** Whether sizes and boxes are those of the picture as it is seen. */
  oriented: boolean;
  limits: Pick<ImageLimits, 'maxPixels'>;
}

/**
 * Reads a frame's facts from its header.
 *
 * @throws AppError `undecodable_image`, `too_many_pixels`, or `validation_failed` where there is no such page
 */
export async function openFrame(file: SourceFile, options: FrameOptions): Promise<Frame> {
  const { page, oriented, limits } = options;
  const first = await decoding(() => sharp(file.path, { limitInputPixels: false }).metadata());
  const pages = first.pages ?? 1;
  if (page >= pages) {
    throw parameterError('/page', `Expected a page from 0 to ${pages - 1} but received ${page}`);
  }
  // The pages of a TIFF differ in size and depth.
  const metadata =
    page === 0 ? first : await decoding(() => sharp(file.path, { page, limitInputPixels: false }).metadata());
  const { width, height, orientation = 1 } = metadata;
  if (width * height > limits.maxPixels) {
    throw new AppError(
      'too_many_pixels',
      `Expected a picture of at most ${limits.maxPixels} pixels but received one of ${width}×${height}`,
    );
  }
  const turned = oriented && orientation > 1;
  const [seenWidth, seenHeight] = turned && orientation > 4 ? [height, width] : [width, height];
  return { file, page, pages, turned, width: seenWidth, height: seenHeight, ...colorFacts(metadata) };
}

type ColorFacts = Pick<Frame, 'colorSpace' | 'bitDepth' | 'alpha' | 'convertedFrom'>;

/** Grey and RGB of 8 or 16 whole bits are counted as they are; all else becomes 8-bit sRGB. */
function colorFacts({ space, depth, hasAlpha }: Metadata): ColorFacts {
  switch (`${space} ${depth}`) {
    case 'b-w uchar':
      return { colorSpace: 'grey', bitDepth: 8, alpha: hasAlpha ? 3 : null, convertedFrom: null };
    case 'grey16 ushort':
      return { colorSpace: 'grey', bitDepth: 16, alpha: hasAlpha ? 1 : null, convertedFrom: null };
    case 'srgb uchar':
      return { colorSpace: 'srgb', bitDepth: 8, alpha: hasAlpha ? 3 : null, convertedFrom: null };
    case 'rgb16 ushort':
      return { colorSpace: 'srgb', bitDepth: 16, alpha: hasAlpha ? 3 : null, convertedFrom: null };
    default:
      return { colorSpace: 'srgb', bitDepth: 8, alpha: hasAlpha ? 3 : null, convertedFrom: space };
  }
}

/**
 * Decodes a frame, or a box of it, to raw pixels: the stored numbers without colour management, unless the frame is
 * `convertedFrom` something, which is converted by its profile or, where it has none, libvips' own. The box is cut
 * while decoding, so that only its pixels are held, and rows below it are not decoded where the format allows.
 *
 * @throws AppError `undecodable_image`
 */
export async function decodeFrame(frame: Frame, region?: Region): Promise<Raster> {
  const { file, page, colorSpace, bitDepth, alpha, convertedFrom, turned } = frame;
  const image = sharp(file.path, {
    page,
    failOn: 'warning',
    // The size was held to the limit when the frame was opened.
    limitInputPixels: false,
    ignoreIcc: convertedFrom === null,
  });
  if (turned) image.autoOrient();
  if (region !== undefined) image.extract(region);
  const wide = bitDepth === 16;
  // sharp drops the alpha of 8-bit grey; as sRGB it keeps it, and red is the grey unchanged.
  const space = colorSpace === 'srgb' || (alpha === 3 && !wide) ? 'srgb' : 'b-w';
  const { data, info } = await decoding(() =>
    image
      .toColourspace(wide ? (space === 'srgb' ? 'rgb16' : 'grey16') : space)
      .raw({ depth: wide ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true }),
  );
  return {
    samples: wide
      ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2)
      : new Uint8Array(data.buffer, data.byteOffset, data.length),
    width: info.width,
    height: info.height,
    stride: strideOf(info.channels),
    colorSpace,
    alpha,
    bitDepth,
  };
}

function strideOf(channels: number): Raster['stride'] {
  if (channels === 1 || channels === 2 || channels === 3 || channels === 4) return channels;
  throw new AppError(
    'undecodable_image',
    `Expected a picture of 1 to 4 channels but received one of ${channels}`,
  );
}

async function decoding<T>(decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (cause) {
    throw new AppError('undecodable_image', 'The picture cannot be decoded: it is damaged or not complete', {
      cause,
    });
  }
}
