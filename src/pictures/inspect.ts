import { readFileSync } from 'node:fs';
import sharp, { type Metadata, type SharpOptions } from 'sharp';
import { AppError } from '../core/errors.ts';
import { decodeSamples } from './correct.ts';
import { decoding, undecodable } from './decode-failure.ts';
import { checkDecodeMemory, decodeMemory, estimateDecodeMemory } from './decode-memory.ts';
import { readExif, readTiffExif } from './exif.ts';
import { alphaOf, type Header, inputOf, pagesOf, readHeader } from './header.ts';
import { checkPixels, checkTotalPixels, tooManyPixels } from './limits.ts';
import type { ImageDetails, ImageMetadata } from './metadata.ts';
import { failureLevel } from './open.ts';
import { countPages } from './page-count.ts';
import { readingAt } from './read-at.ts';
import './restrict-loaders.ts';
import { TiffReader, tiffDirectories } from './tiff.ts';
import { isCutOff } from './tiff-blocks.ts';
import { type TiffPage, tiffPages } from './tiff-pages.ts';
import { makeSamplesPlain, readTiffSamples } from './tiff-samples.ts';
import type { ImageLimits, SourceFile } from './types.ts';

/** Maximum pages of an animation or a TIFF. */
export const MAX_PAGES = 10_000;

/** Reduction of each side on the way to the sink. libvips reduces by at most 1,000,000. */
const SINK_SHRINK = 512;

/** Of a JPEG, libjpeg reduces the last blocks to one row by 8, after which libvips does not look for warnings. */
const JPEG_SHRINK = 4;

/** A page that cannot be decoded, and why. */
type DamagedPage = NonNullable<ImageDetails['damaged_pages']>[number];

/**
 * Reads a picture's metadata and decodes all of it once, so that truncated and corrupt files, which have good headers, are
 * refused. The limits are checked first, from the header. Of a TIFF, pages may be damaged as long as one is not.
 *
 * @throws AppError `undecodable_image`, with the decoder's message; `too_many_pixels`, also for too many pages or too much
 *   memory; `unsupported_image_format` as `readHeader`
 */
export async function inspectImage(file: SourceFile, limits: ImageLimits): Promise<ImageMetadata> {
  // Checked before libvips opens the file, which takes long if there are many pages.
  const counted = await decoding(file, countPages(file, MAX_PAGES));
  if (counted > MAX_PAGES) throw tooManyPages();
  if (file.format === 'tiff') return inspectTiff(file, counted, limits);
  const header = await readHeader(file);
  const pages = pagesOf(file, header);
  if (pages > MAX_PAGES) throw tooManyPages();
  checkPixels(header, pages, limits);
  checkDecodeMemory(file.format, header, await decodeMemory(file, header), limits);
  await decodeAll(file, header, pages);
  return describe(file, header, pages, readDetails(header, pages));
}

/** The metadata of a TIFF is that of its first page that can be decoded. */
async function inspectTiff(file: SourceFile, pages: number, limits: ImageLimits): Promise<ImageMetadata> {
  const damaged = (await isDecodedAtOnce(file, pages, limits)) ? [] : await decodePageByPage(file, limits);
  let first = 0;
  while (damaged[first]?.page === first) first += 1;
  const header = await readHeader(file, first);
  const exif = readingAt(file.path, (readAt) => readTiffExif(new TiffReader(readAt)));
  return describe(file, header, pages, {
    ...readDetails(header, pages),
    ...exif,
    ...(damaged.length === 0 ? {} : { damaged_pages: damaged }),
  });
}

function describe(file: SourceFile, header: Header, pages: number, details: ImageDetails): ImageMetadata {
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
    details,
  };
}

/** Decodes every page into a small sink, in constant memory if the format streams. */
async function decodeAll(file: SourceFile, header: Header, pages: number): Promise<void> {
  const options: SharpOptions = { limitInputPixels: false, ...(pages === 1 ? {} : { pages: -1 }) };
  const decode = (failOn: SharpOptions['failOn']) =>
    decoding(file, decodeToSink(inputOf(file, header), header, { ...options, failOn }));
  if (file.format !== 'jpeg') return decode('error');
  try {
    await decode('warning');
  } catch (error) {
    if (isDamage(error)) throw error;
    await decode('error');
  }
}

/** libjpeg's warnings about lost pixels. The others are about files that all decoders show completely. */
const JPEG_DAMAGE = /premature end of data segment|bad Huffman code|instead of RST|bad arithmetic code/i;

function isDamage(error: unknown): boolean {
  return error instanceof AppError && JPEG_DAMAGE.test(error.detail);
}

/**
 * Decodes all pages of a TIFF in one pipeline, which libvips does only if they are alike.
 *
 * @returns whether that was possible
 */
async function isDecodedAtOnce(file: SourceFile, pages: number, limits: ImageLimits): Promise<boolean> {
  const header = await readHeader(file).catch((error: unknown) => {
    if (pages === 1 || !isUndecodable(error)) throw error;
    return undefined;
  });
  // A TIFF with one page of unusual samples may have more.
  if (header === undefined || header.correction !== undefined) return false;
  checkPixels(header, pages, limits);
  checkDecodeMemory(file.format, header, await decodeMemory(file, header), limits);
  if (pages > 1 && hasUnusualSamples(file)) return false;
  const options = {
    failOn: await failureLevel(file),
    limitInputPixels: false,
    ...(pages === 1 ? {} : { pages: -1 }),
  };
  try {
    await decoding(file, decodeToSink(inputOf(file, header), header, options));
    return true;
  } catch (error) {
    if (pages === 1 || !isUndecodable(error)) throw error;
    return false;
  }
}

function isUndecodable(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'undecodable_image';
}

/** Whether a page needs a correction, or cannot be read because of its samples. */
function hasUnusualSamples({ path }: SourceFile): boolean {
  return readingAt(path, (readAt) => {
    for (const directory of tiffDirectories(readAt)) {
      try {
        if (readTiffSamples(readAt, directory) !== undefined) return true;
      } catch {
        return true;
      }
    }
    return false;
  });
}

/**
 * Decodes the pages of a TIFF one by one, in a time that grows with their number: libvips would look for each from the first on.
 *
 * @returns the pages that are damaged
 * @throws AppError as `inspectImage` if no page can be decoded, or if the file is cut off
 */
async function decodePageByPage(file: SourceFile, limits: ImageLimits): Promise<DamagedPage[]> {
  const failOn = await failureLevel(file);
  const damaged: DamagedPage[] = [];
  let refusal: AppError | undefined;
  let totalPixels = 0;
  let page = 0;
  for (const part of tiffPages(readFileSync(file.path))) {
    try {
      totalPixels += await decodePage(file, part, page, failOn, limits);
    } catch (error) {
      if (!isUndecodable(error)) throw error;
      if (isCutOff(part.readAt, part.directory)) throw undecodable(file.format, 'its data ends early', error);
      refusal ??= error;
      damaged.push({ page, reason: reasonOf(error) });
    }
    checkTotalPixels(totalPixels, limits);
    page += 1;
  }
  if (refusal !== undefined && damaged.length === page) throw refusal;
  return damaged;
}

/** @returns its pixels */
async function decodePage(
  file: SourceFile,
  { bytes, directory, readAt, blockBytes }: TiffPage,
  page: number,
  failOn: SharpOptions['failOn'],
  limits: ImageLimits,
): Promise<number> {
  const samples = await decoding(file, (async () => readTiffSamples(readAt, directory))());
  const undo = samples && makeSamplesPlain(bytes, directory, samples);
  try {
    const header = await decoding(file, sharp(bytes, { limitInputPixels: false }).metadata());
    checkPixels(header, 1, limits, `page ${page}`);
    const correction = samples && ({ kind: 'samples', samples } as const);
    const memory = estimateDecodeMemory(file.format, header, blockBytes, correction);
    checkDecodeMemory(file.format, header, memory, limits);
    if (samples === undefined)
      await decoding(file, decodeToSink(bytes, header, { failOn, limitInputPixels: false }));
    else await decoding(file, decodeSamples(bytes, samples, failOn));
    return header.width * header.height;
  } finally {
    undo?.();
  }
}

/** The reason in a refusal, without what it is about. */
function reasonOf({ detail }: AppError): string {
  return detail.replace(/^The TIFF file cannot be decoded: /, '');
}

/**
 * A box filter reads every pixel once (`kernel: 'nearest'` would skip rows). JPEG and WebP shrink while loading, which is faster
 * and still decodes the entropy-coded data, where damage shows. Profiles are not applied: they cost more than the decoding, and
 * sharp ignores a bad one.
 */
async function decodeToSink(
  input: string | Buffer,
  { format, width, height }: Metadata,
  options: SharpOptions,
): Promise<void> {
  const shrink = format === 'jpeg' ? JPEG_SHRINK : SINK_SHRINK;
  await sharp(input, { ...options, ignoreIcc: true })
    .resize(Math.ceil(width / shrink), Math.ceil(height / shrink), { fit: 'fill' })
    .raw()
    .toBuffer();
}

function tooManyPages(): AppError {
  return tooManyPixels(`at most ${MAX_PAGES} pages`, 'more');
}

function readDetails(header: Header, pages: number): ImageDetails {
  const { delay, loop } = pages > 1 ? header : {};
  const { correction, isUnreadAnimation } = header;
  const range = correction?.kind === 'samples' ? correction.samples.range : undefined;
  return {
    ...(delay === undefined ? {} : { delays: delay.slice(0, pages) }),
    ...(loop === undefined ? {} : { loop }),
    is_progressive: header.isProgressive,
    has_profile: header.hasProfile,
    ...(isUnreadAnimation ? { animation: 'not_read' as const } : {}),
    ...(range === undefined ? {} : { sample_range: [range.low, range.high] }),
    ...(header.exif === undefined ? {} : readExif(header.exif)),
  };
}
