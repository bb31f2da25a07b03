import sharp, { type Sharp, type SharpOptions } from 'sharp';
import { parameterError } from '../core/faults.ts';
import { inSrgb, openCorrected } from './correct.ts';
import { changesPixels } from './corrections.ts';
import { decoding } from './decode-failure.ts';
import { checkDecodeMemory, decodeMemory } from './decode-memory.ts';
import { FORMATS } from './formats.ts';
import {
  type AlphaFacts,
  alphaOf,
  type Header,
  inputOf,
  isGreySpace,
  pagesOf,
  readHeader,
} from './header.ts';
import { checkPixels, type DecodeLimits } from './limits.ts';
import { readingAt } from './read-at.ts';
import './restrict-loaders.ts';
import { tiffDirectories } from './tiff.ts';
import type { Size, SourceFile } from './types.ts';

export interface OpenOptions {
  /** From 0. Without it, all pages of an animation are read, or the first page of a TIFF. */
  page?: number | undefined;
  /** Whether the picture is turned upright as its EXIF data says. */
  autoOrient: boolean;
  limits: DecodeLimits;
  /** JSON Pointer to the parameter that gave `page`, for faults. */
  pagePath: string;
}

/** A picture in a file, as its header describes it. Nothing is decoded yet. */
export interface PictureFile extends AlphaFacts {
  file: SourceFile;
  /** Header of the page, or of the first one. */
  header: Header;
  page: number | undefined;
  /** Number of pages that are read, one below the other. */
  pages: number;
  /** Number of pages in the file. */
  pagesInFile: number;
  /** Size of one page as it is displayed. */
  size: Size;
  /** Whether red, green and blue are equal in every pixel. */
  isGrey: boolean;
  /** Whether decoding turns it upright. */
  autoOrient: boolean;
  failOn: FailureLevel;
}

/**
 * Reads the header of a picture and checks the limits.
 *
 * @throws AppError `too_many_pixels`, `validation_failed` if the page does not exist, or as `decoding`
 */
export async function openPicture(
  file: SourceFile,
  { page, autoOrient, limits, pagePath }: OpenOptions,
): Promise<PictureFile> {
  const first = await readHeader(file);
  const pagesInFile = pagesOf(file, first);
  if (page !== undefined && page >= pagesInFile) {
    const expected = pagesInFile === 1 ? 'page 0, the only one,' : `a page from 0 to ${pagesInFile - 1}`;
    throw parameterError(pagePath, expected, page);
  }
  const header = page === undefined ? first : await readHeader(file, page);
  const pages = page === undefined && FORMATS[file.format].animation ? pagesInFile : 1;
  const { width, height } = autoOrient ? header.autoOrient : header;
  checkPixels({ width, height }, pages, limits);
  checkDecodeMemory(file.format, header, await decodeMemory(file, header, page), limits);
  return {
    file,
    header,
    page,
    pages,
    pagesInFile,
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

/**
 * Starts a sharp pipeline that gives the picture as it is displayed: 8-bit sRGB, by its profile if it has one. Grey pixels have
 * three equal channels, unless the pipeline ends in the space `b-w`.
 */
export async function openDisplayed(picture: PictureFile): Promise<Sharp> {
  const { file, header, page, pages } = picture;
  const options = optionsOf(picture);
  if (header.correction !== undefined) return openCorrected({ file, header, page, pages, options });
  return inSrgb(sharp(inputOf(file, header), options), header.space);
}

/** The form of the samples that `openStored` gives. */
export interface SampleForm {
  /** One channel, or red, green and blue. */
  colorSpace: 'grey' | 'srgb';
  bitDepth: 8 | 16;
  /** Whether the stored samples are of another kind, so that the picture is given as it is displayed. */
  isConverted: boolean;
}

/** Forms that are given as they are stored, by libvips' names of their space and samples. */
const STORED_FORMS: Partial<Record<string, SampleForm>> = {
  'b-w uchar': { colorSpace: 'grey', bitDepth: 8, isConverted: false },
  'grey16 ushort': { colorSpace: 'grey', bitDepth: 16, isConverted: false },
  'srgb uchar': { colorSpace: 'srgb', bitDepth: 8, isConverted: false },
  'rgb16 ushort': { colorSpace: 'srgb', bitDepth: 16, isConverted: false },
};

/** Grey and RGB with integers of 8 or 16 bits are given as they are stored; everything else as it is displayed. */
export function storedForm({ header: { space, depth, correction } }: PictureFile): SampleForm {
  if (correction?.kind === 'samples') {
    return { colorSpace: isGreySpace(space) ? 'grey' : 'srgb', bitDepth: 8, isConverted: true };
  }
  return STORED_FORMS[`${space} ${depth}`] ?? { colorSpace: 'srgb', bitDepth: 8, isConverted: true };
}

/**
 * Starts a sharp pipeline that gives the picture in its `storedForm`: the numbers of the file, without colour management. In an
 * 8-bit grey picture with alpha, red, green and blue are the grey.
 */
export async function openStored(picture: PictureFile): Promise<Sharp> {
  const { colorSpace, bitDepth, isConverted } = storedForm(picture);
  if (isConverted || changesPixels(picture.header.correction)) return openDisplayed(picture);
  const image = sharp(inputOf(picture.file, picture.header), { ...optionsOf(picture), ignoreIcc: true });
  if (bitDepth === 16) return image.toColourspace(colorSpace === 'grey' ? 'grey16' : 'rgb16');
  // sharp drops the alpha of 8-bit grey, but not of sRGB, in which the grey does not change.
  return image.toColourspace(colorSpace === 'grey' && !picture.hasAlpha ? 'b-w' : 'srgb');
}

function optionsOf({ page, pages, autoOrient, failOn }: PictureFile): SharpOptions {
  return {
    ...(page === undefined ? { animated: pages > 1 } : { page }),
    failOn,
    sequentialRead: true,
    // `openPicture` has checked the limits.
    limitInputPixels: false,
    autoOrient,
  };
}

const TILE_WIDTH_TAG = 322;

type FailureLevel = Extract<SharpOptions['failOn'], 'error' | 'warning'>;

/**
 * What sharp refuses while it decodes. `warning` also refuses intact files that other decoders show (scan headers of Samsung's
 * cameras, NUL in a TIFF's texts), but with `error`, libvips 8.18 silently leaves tiles of a TIFF black that it cannot decode: in a
 * truncated file, or of an unsupported compression.
 *
 * @param page of a TIFF; without it, all its pages
 */
export async function failureLevel(file: SourceFile, page?: number): Promise<FailureLevel> {
  const isStrict = file.format === 'tiff' && (await decoding(file, hasTiles(file, page)));
  return isStrict ? 'warning' : 'error';
}

async function hasTiles({ path }: SourceFile, page: number | undefined): Promise<boolean> {
  return readingAt(path, (readAt) => {
    let index = 0;
    for (const { entries } of tiffDirectories(readAt)) {
      const isTiled = entries.some(({ tag }) => tag === TILE_WIDTH_TAG);
      if (page === undefined ? isTiled : index === page) return isTiled;
      index += 1;
    }
    return false;
  });
}
