import { statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';
import { AppError, parameterError } from '../errors.ts';
import { undecodable } from '../pictures/decode-error.ts';
import { restrictLoaders } from '../pictures/loaders.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { type KeptMetadata, uprightExif } from './metadata-carrier.ts';
import type { Size } from './operations/operation.ts';
import type { Output } from './output.ts';
import type { Pipeline } from './pipeline.ts';

restrictLoaders();

/** How long each frame is shown, in milliseconds, and how often all of them are; 0 is for ever. */
export interface Timeline {
  delays: number[];
  loop: number;
}

/** A picture that stages work on. */
export interface Picture {
  /** Of one frame. */
  size: Size;
  frames: number;
  hasAlpha: boolean;
  /** Whether red, green and blue are equal in every pixel. */
  isGrey: boolean;
  /** A new sharp pipeline that starts with it. */
  open(): Sharp;
}

/** A picture in a file, nothing of it decoded yet. */
export interface SourcePicture extends Picture {
  /** Where it is an animation of which all frames are read. */
  timeline: Timeline | undefined;
  /** libvips interpretation of the stored pixels. */
  space: string;
  /** Whether opening it turns it upright. */
  isTurned: boolean;
  /** What of its metadata goes into the result. Its colours stay in the space of a profile that is kept. */
  kept: KeptMetadata;
}

/** Spaces that sharp itself brings to sRGB before any operation, by profile where there is one. */
const DIRECT_SPACES = ['srgb', 'rgb', 'b-w', 'cmyk', 'multiband'];

/**
 * Reads a file's header, and checks it against the limits.
 *
 * @throws AppError `undecodable_image`, `too_many_pixels`, or `validation_failed` for a page that there is not
 */
export async function openSource(
  file: SourceFile,
  input: Pipeline['input'],
  output: Pick<Output, 'keep_metadata' | 'color_profile'>,
  limits: ImageLimits,
): Promise<SourcePicture> {
  const first = await readHeader(file);
  const pages = first.pages ?? 1;
  const { page } = input;
  if (page !== undefined && page >= pages) {
    const message = pages === 1 ? 'the picture has one page, 0' : `the picture has pages 0 to ${pages - 1}`;
    throw parameterError('/input/page', `${message}; got ${page}`);
  }
  const frames = page === undefined && isAnimated(file, first) ? pages : 1;
  const choice = page === undefined ? { animated: frames > 1 } : { page };
  // Pages of a TIFF may differ in all ways.
  const header = page ? await readHeader(file, page) : first;

  const size = input.auto_orient ? header.autoOrient : { width: header.width, height: header.height };
  const pixels = size.width * size.height;
  if (pixels > limits.maxPixels) throw tooManyPixels(size, limits.maxPixels);
  if (pixels * frames > limits.maxTotalPixels) throw tooManyPixels(size, limits.maxTotalPixels, frames);

  const { space } = header;
  const isTurned = input.auto_orient && (header.orientation ?? 1) > 1;
  const keepsProfile = output.color_profile === 'keep' && header.hasProfile && /^(s?rgb|rgb16)$/.test(space);
  const options: SharpOptions = {
    ...choice,
    failOn: 'warning',
    unlimited: false,
    sequentialRead: true,
    limitInputPixels: Math.max(limits.maxPixels, limits.maxTotalPixels),
    autoOrient: input.auto_orient,
    // A grey profile does not fit the three channels that 16-bit grey becomes.
    ignoreIcc: space === 'grey16',
  };
  const open = () => {
    let image = sharp(file.path, options);
    // sharp converts 16-bit pictures to Display P3; their 8-bit sRGB form goes through the profile as others do.
    if (!DIRECT_SPACES.includes(space)) image = image.pipelineColourspace('srgb');
    if (keepsProfile) image = image.keepIccProfile();
    if (output.keep_metadata) image = image.keepExif().keepXmp();
    return image;
  };
  return {
    size: { width: size.width, height: size.height },
    frames,
    hasAlpha: header.hasAlpha,
    isGrey: /^(b-w|grey16)$/.test(space),
    open,
    timeline: frames > 1 ? timelineOf(header, frames) : undefined,
    space,
    isTurned,
    kept: {
      ...(output.keep_metadata
        ? { exif: header.exif && (isTurned ? uprightExif(header.exif) : header.exif), xmp: header.xmp }
        : {}),
      ...(keepsProfile ? { icc: header.icc } : {}),
    },
  };
}

/** Whether a file's pages are frames; those of a TIFF or AVIF are pictures of their own. */
function isAnimated(file: SourceFile, header: Metadata): boolean {
  return (file.format === 'gif' || file.format === 'webp') && (header.pages ?? 1) > 1;
}

function timelineOf({ delay = [], loop = 0 }: Metadata, frames: number): Timeline {
  return { delays: Array.from({ length: frames }, (_, index) => Math.min(delay[index] ?? 0, 65_535)), loop };
}

/**
 * Headers of the files that were opened last. Several results are often made from one picture, and reading a header by itself
 * costs a JPEG of 6 MP 0.5 ms of the 24 ms that a resize takes.
 */
const headers = new LRUCache<string, Metadata>({
  maxSize: 4 * 1024 * 1024,
  maxEntrySize: 256 * 1024,
  // Its numbers, and the blocks that it carries.
  sizeCalculation: ({ exif, icc, iptc, xmp }) =>
    [exif, icc, iptc, xmp].reduce((sum, block) => sum + (block?.length ?? 0), 2048),
});

/** Header of a page; the first without one. */
async function readHeader(file: SourceFile, page = 0): Promise<Metadata> {
  const key = `${fileIdentity(file.path)}#${page}`;
  const known = headers.get(key);
  if (known) return known;
  const options = { ...(page === 0 ? {} : { page }), limitInputPixels: false };
  const header = await decoding(file, sharp(file.path, options).metadata());
  headers.set(key, header);
  return header;
}

/** Another one for each file and for each time that it is written. Without a trip to the thread pool: 3 µs. */
function fileIdentity(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? path : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}

function tooManyPixels(size: Size, limit: number, frames = 1): AppError {
  const all = frames === 1 ? '' : ` in ${frames} frames`;
  return new AppError(
    'too_many_pixels',
    `The picture has ${size.width}×${size.height} pixels${all}; at most ${limit} are allowed`,
  );
}

/**
 * What a sharp pipeline that reads a client's file gives.
 *
 * @throws AppError in place of sharp's errors about the file's bytes
 */
export async function decoding<Result>(file: SourceFile, result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof AppError) throw error;
    // Neither a full disk nor full memory is the picture's fault.
    if (/No space left|[Oo]ut of memory|unable to (?:write|open)/.test(error.message)) throw error;
    if (error.message.includes('pixel limit')) {
      throw new AppError('too_many_pixels', 'The picture has too many pixels', { cause: error });
    }
    throw undecodable(file.format, error);
  }
}
