import { readFileSync } from 'node:fs';
import sharp, { type Metadata, type SharpOptions } from 'sharp';
import { AppError } from '../core/errors.ts';
import { decoding } from './decode-failure.ts';
import { checkDecodeMemory, decodeMemory, estimateDecodeMemory } from './decode-memory.ts';
import { readExif } from './exif.ts';
import { alphaOf, pagesOf, readHeader } from './header.ts';
import { checkPixels, checkTotalPixels, tooManyPixels } from './limits.ts';
import type { ImageDetails, ImageMetadata } from './metadata.ts';
import { failureLevel } from './open.ts';
import { countPages } from './page-count.ts';
import './restrict-loaders.ts';
import { tiffPages } from './tiff-pages.ts';
import type { ImageLimits, SourceFile } from './types.ts';

/** Maximum pages of an animation or a TIFF. */
export const MAX_PAGES = 10_000;

/** Reduction of each side on the way to the sink. libvips reduces by at most 1,000,000. */
const SINK_SHRINK = 512;

/**
 * Reads a picture's metadata and decodes all of it once, so that truncated and corrupt files, which have good headers, are
 * refused. The limits are checked first, from the header.
 *
 * @throws AppError `undecodable_image`, with the decoder's message; `too_many_pixels`, also for too many pages or too much
 *   memory
 */
export async function inspectImage(file: SourceFile, limits: ImageLimits): Promise<ImageMetadata> {
  // Checked before libvips opens the file, which takes long if there are many pages.
  if ((await decoding(file, countPages(file, MAX_PAGES))) > MAX_PAGES) throw tooManyPages();
  const header = await readHeader(file);
  const pages = pagesOf(file, header);
  if (pages > MAX_PAGES) throw tooManyPages();
  checkPixels(header, pages, limits);
  checkDecodeMemory(file.format, header, await decodeMemory(file, header), limits);
  await decodeAll(file, header, pages, limits);
  return {
    format: file.format,
    width: header.autoOrient.width,
    height: header.autoOrient.height,
    channels: header.channels,
    depth: header.depth,
    has_alpha: alphaOf(header).hasAlpha,
    pages,
    orientation: header.orientation ?? null,
    color_space: header.space,
    density: header.density ?? null,
    details: readDetails(header, pages),
  };
}

/** Decodes every page into a sink of a few pixels, in constant memory if the format streams. */
async function decodeAll(
  file: SourceFile,
  header: Metadata,
  pages: number,
  limits: ImageLimits,
): Promise<void> {
  const options: SharpOptions = { failOn: await failureLevel(file), limitInputPixels: false };
  try {
    await decoding(
      file,
      decodeToSink(file.path, header, { ...options, ...(pages === 1 ? {} : { pages: -1 }) }),
    );
  } catch (error) {
    if (!isOfMixedPages(error)) throw error;
    await decodePageByPage(file, options, limits);
  }
}

/** Whether libvips refuses to open a TIFF as a whole because its pages differ in size or kind. */
function isOfMixedPages(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : undefined;
  return cause instanceof Error && /page \d+ differs from page 0/.test(cause.message);
}

/** Decodes the pages of a TIFF one by one, in a time that grows with their number: libvips would look for each from the first on. */
async function decodePageByPage(file: SourceFile, options: SharpOptions, limits: ImageLimits): Promise<void> {
  let totalPixels = 0;
  let page = 0;
  for (const { bytes, blockBytes } of tiffPages(readFileSync(file.path))) {
    const header = await decoding(file, sharp(bytes, { limitInputPixels: false }).metadata());
    checkPixels(header, 1, limits, `page ${page}`);
    checkDecodeMemory(file.format, header, estimateDecodeMemory(file.format, header, blockBytes), limits);
    totalPixels += header.width * header.height;
    checkTotalPixels(totalPixels, limits);
    await decoding(file, decodeToSink(bytes, header, options));
    page += 1;
  }
}

/**
 * A box filter reads every pixel once (`kernel: 'nearest'` would skip rows). JPEG and WebP shrink while loading, which is faster
 * and still decodes the entropy-coded data, where damage shows. Profiles are not applied: they cost more than the decoding, and
 * sharp ignores a bad one.
 */
async function decodeToSink(
  input: string | Buffer,
  { width, height }: Metadata,
  options: SharpOptions,
): Promise<void> {
  await sharp(input, { ...options, ignoreIcc: true })
    .resize(Math.ceil(width / SINK_SHRINK), Math.ceil(height / SINK_SHRINK), { fit: 'fill' })
    .raw()
    .toBuffer();
}

function tooManyPages(): AppError {
  return tooManyPixels(`at most ${MAX_PAGES} pages`, 'more');
}

function readDetails(header: Metadata, pages: number): ImageDetails {
  const { delay, loop } = pages > 1 ? header : {};
  return {
    ...(delay === undefined ? {} : { delays: delay.slice(0, pages) }),
    ...(loop === undefined ? {} : { loop }),
    is_progressive: header.isProgressive,
    has_profile: header.hasProfile,
    ...(header.exif === undefined ? {} : readExif(header.exif)),
  };
}
