import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';
import { parameterError } from '../core/faults.ts';
import { decoding } from './decode-failure.ts';
import { FORMATS } from './formats.ts';
import { type AlphaFacts, alphaOf, isGreySpace, pagesOf, readHeader } from './header.ts';
import { checkPixels, type PixelLimits } from './limits.ts';
import { readingAt } from './read-at.ts';
import './restrict-loaders.ts';
import { tiffDirectories } from './tiff.ts';
import type { Size, SourceFile } from './types.ts';

export interface OpenOptions {
  /** From 0. Without one, all frames of an animation, or the first page. */
  page?: number | undefined;
  /** Whether the picture is turned upright as its EXIF says. */
  autoOrient: boolean;
  limits: PixelLimits;
  /** JSON Pointer to the parameter that gave `page`, for faults. */
  pagePath: string;
}

/** A picture in a file: what its header says. Nothing of it is decoded yet. */
export interface PictureFile extends AlphaFacts {
  file: SourceFile;
  /** Of the page, or of the first one. */
  header: Metadata;
  page: number | undefined;
  /** In the file: frames of an animation, pages of a TIFF. */
  pages: number;
  /** To be read, one below the other. */
  frames: number;
  /** Of one frame as it is seen. */
  size: Size;
  /** Whether red, green and blue are equal in every pixel. */
  isGrey: boolean;
  /** Whether decoding turns it upright. */
  autoOrient: boolean;
  failOn: FailureLevel;
}

/**
 * Reads the header of a picture and holds it to the limits.
 *
 * @throws AppError `undecodable_image`, `too_many_pixels`, or `validation_failed` for a page that there is not; failures of the
 *   service itself as `decoding`
 */
export async function openPicture(
  file: SourceFile,
  { page, autoOrient, limits, pagePath }: OpenOptions,
): Promise<PictureFile> {
  const first = await readHeader(file);
  const pages = pagesOf(file, first);
  if (page !== undefined && page >= pages) {
    const expected = pages === 1 ? 'page 0, the only one,' : `a page from 0 to ${pages - 1}`;
    throw parameterError(pagePath, expected, page);
  }
  const header = page === undefined ? first : await readHeader(file, page);
  // The pages of a TIFF are pictures of their own.
  const frames = page === undefined && FORMATS[file.format].animation ? pages : 1;
  const { width, height } = autoOrient ? header.autoOrient : header;
  checkPixels({ width, height }, frames, limits);
  return {
    file,
    header,
    page,
    pages,
    frames,
    size: { width, height },
    ...alphaOf(header),
    isGrey: isGreySpace(header.space),
    autoOrient,
    failOn: await failureLevel(file, page ?? 0),
  };
}

/** Whether decoding turns or mirrors the stored picture. */
export function isTurned({ autoOrient, header: { orientation = 1 } }: PictureFile): boolean {
  return autoOrient && orientation > 1;
}

/** Spaces that sharp itself brings to sRGB before any operation, by their profile if they have one. */
const DIRECT_SPACES = ['srgb', 'rgb', 'b-w', 'cmyk', 'multiband'];

/**
 * Starts a sharp pipeline that gives the picture as it is displayed: sRGB of 8 bits, by its profile if it has one. The
 * pixels of a grey picture have three equal channels, unless the pipeline ends in the space `b-w`.
 */
export function openDisplayed(picture: PictureFile): Sharp {
  const { file, header } = picture;
  const image = sharp(file.path, {
    ...optionsOf(picture),
    // A grey profile does not fit the three channels that 16-bit grey becomes.
    ignoreIcc: header.space === 'grey16',
  });
  // sharp converts 16-bit pictures to Display P3; their 8-bit sRGB form goes through the profile as others do.
  return DIRECT_SPACES.includes(header.space) ? image : image.pipelineColourspace('srgb');
}

/** How samples are given by `openStored`. */
export interface SampleForm {
  /** One channel, or red, green and blue. */
  colorSpace: 'grey' | 'srgb';
  bitDepth: 8 | 16;
  /** Whether the stored samples are of another kind, and the picture is given as it is displayed. */
  isConverted: boolean;
}

/** Forms that are given as they are stored, by libvips' names of space and samples. */
const STORED_FORMS: Partial<Record<string, SampleForm>> = {
  'b-w uchar': { colorSpace: 'grey', bitDepth: 8, isConverted: false },
  'grey16 ushort': { colorSpace: 'grey', bitDepth: 16, isConverted: false },
  'srgb uchar': { colorSpace: 'srgb', bitDepth: 8, isConverted: false },
  'rgb16 ushort': { colorSpace: 'srgb', bitDepth: 16, isConverted: false },
};

/** Grey and RGB of 8 or 16 whole bits are given as they are stored; all else is given as it is displayed. */
export function storedForm({ header: { space, depth } }: PictureFile): SampleForm {
  return STORED_FORMS[`${space} ${depth}`] ?? { colorSpace: 'srgb', bitDepth: 8, isConverted: true };
}

/**
 * Starts a sharp pipeline that gives the picture in its `storedForm`: the numbers of the file, without colour management. An
 * 8-bit grey picture with alpha has its grey in red, green and blue.
 */
export function openStored(picture: PictureFile): Sharp {
  const { colorSpace, bitDepth, isConverted } = storedForm(picture);
  if (isConverted) return openDisplayed(picture);
  const image = sharp(picture.file.path, { ...optionsOf(picture), ignoreIcc: true });
  if (bitDepth === 16) return image.toColourspace(colorSpace === 'grey' ? 'grey16' : 'rgb16');
  // sharp drops the alpha of 8-bit grey; as sRGB it keeps it, and red is the grey unchanged.
  return image.toColourspace(colorSpace === 'grey' && !picture.hasAlpha ? 'b-w' : 'srgb');
}

function optionsOf({ page, frames, autoOrient, failOn }: PictureFile): SharpOptions {
  return {
    ...(page === undefined ? { animated: frames > 1 } : { page }),
    failOn,
    sequentialRead: true,
    // The header was held to the limits.
    limitInputPixels: false,
    autoOrient,
  };
}

const TILE_WIDTH_TAG = 322;

type FailureLevel = Extract<SharpOptions['failOn'], 'error' | 'warning'>;

/**
 * What sharp refuses while it decodes. `warning` refuses some 1 % of intact files, which other decoders show: scan headers as
 * Samsung's cameras wrote, NUL in a TIFF's texts. But at `error`, libvips 8.18 leaves tiles of a TIFF that it cannot decode black
 * without a word: of a truncated file, or of a compression that it lacks.
 *
 * @param page of a TIFF; without one, all its pages
 */
export async function failureLevel(file: SourceFile, page?: number): Promise<FailureLevel> {
  const isStrict = file.format === 'tiff' && (await decoding(file, hasTiles(file, page)));
  return isStrict ? 'warning' : 'error';
}

async function hasTiles({ path }: SourceFile, page: number | undefined): Promise<boolean> {
  return readingAt(path, (readAt) => {
    let index = 0;
    for (const entries of tiffDirectories(readAt)) {
      const isTiled = entries.some(({ tag }) => tag === TILE_WIDTH_TAG);
      if (page === undefined ? isTiled : index === page) return isTiled;
      index += 1;
    }
    return false;
  });
}
