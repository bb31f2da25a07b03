import { readFileSync, statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import sharp, { type Metadata } from 'sharp';
import { asStillAvif, readAvifFacts } from './avif-facts.ts';
import type { Correction } from './corrections.ts';
import { decoding, undecodable } from './decode-failure.ts';
import { densityOfExif } from './exif.ts';
import { FORMATS, type ImageFormat } from './formats.ts';
import { type GifFacts, readGif } from './gif.ts';
import { hidesTransparency } from './gif-canvas.ts';
import { readJpegFacts } from './jpeg.ts';
import { readPngFacts } from './png-facts.ts';
import { type ReadAt, readingAt } from './read-at.ts';
import './restrict-loaders.ts';
import { readTiffPage } from './tiff-page.ts';
import type { SourceFile } from './types.ts';
import { unsupported } from './unread-formats.ts';

/** What libvips and this project read of a page's header. */
export interface Header extends Metadata {
  /** What libvips does not do by itself to show the picture as its file says. */
  correction: Correction | undefined;
  /** Whether the file is an animation of which only one picture is read. */
  isUnreadAnimation: boolean;
  /** Whether an AVIF calls itself an image sequence before a picture; libvips does not open such a file. */
  isSequence: boolean;
}

/** What a file says and libvips does not heed. */
interface FileFacts {
  /** Whether it states a density outside of EXIF. */
  hasDensity?: boolean;
  isUnreadAnimation?: boolean;
  correction?: Correction | undefined;
  gif?: GifFacts;
  /** What of libvips' header is different. */
  header?: Partial<Metadata>;
  isSequence?: boolean;
  /** The page alone, to be read instead of the file. */
  bytes?: Buffer;
}

/** Headers of the files that were opened last, because several results are often made from one picture. */
const headers = new LRUCache<string, Header>({
  maxSize: 4 * 1024 * 1024,
  maxEntrySize: 256 * 1024,
  // The numbers, the metadata blocks, and the places of a GIF's pictures.
  sizeCalculation: ({ exif, icc, iptc, xmp, correction }) =>
    [exif, icc, iptc, xmp].reduce((sum, block) => sum + (block?.length ?? 0), 2048) +
    (correction?.kind === 'canvas' ? 200 * correction.gif.images.length : 0),
});

/**
 * The header of a page; the pages of a TIFF may differ in everything. Nothing is decoded and no limit is checked.
 *
 * @throws AppError as `decoding`; `unsupported_image_format` for a camera raw or an image sequence in a format that is accepted
 */
export function readHeader(file: SourceFile, page = 0): Promise<Header> {
  return decoding(file, findHeader(file, page));
}

async function findHeader(file: SourceFile, page: number): Promise<Header> {
  const key = `${fileIdentity(file.path)}#${page}`;
  const known = headers.get(key);
  if (known) return known;
  const facts = readingAt(file.path, (readAt) => FACTS[file.format](readAt, file, page));
  const options = { ...(page === 0 || facts.bytes ? {} : { page }), limitInputPixels: false };
  const { isSequence = false } = facts;
  const read = await sharp(facts.bytes ?? inputOf(file, { isSequence }), options).metadata();
  const format = read.format === 'heif' ? 'avif' : read.format;
  if (format !== file.format) throw undecodable(file.format, `its content is ${format}`);
  const { density, ...rest } = read;
  const stated = densityOfExif(read.exif) ?? (facts.hasDensity ? density : undefined);
  const onCanvas = facts.gif && drawnOnCanvas(facts.gif, read);
  const header: Header = {
    ...rest,
    ...facts.header,
    ...onCanvas,
    ...(stated === undefined ? {} : { density: stated }),
    correction: onCanvas?.correction ?? correctionOf(read, facts.correction),
    isUnreadAnimation: facts.isUnreadAnimation ?? false,
    isSequence,
  };
  headers.set(key, header);
  return header;
}

/** What is read of each format, and what the decoders do not check or only after a long time. */
const FACTS: Record<ImageFormat, (readAt: ReadAt, file: SourceFile, page: number) => FileFacts> = {
  jpeg: readJpegFacts,
  webp: () => ({}),
  png(readAt) {
    const { hasDensity, isAnimated, profile } = readPngFacts(readAt);
    return {
      hasDensity,
      isUnreadAnimation: isAnimated,
      correction: profile && { kind: 'chunk', profile },
    };
  },
  gif(readAt) {
    return { gif: readGif(readAt) };
  },
  tiff: (readAt, { path }, page) => readTiffPage(readAt, path, page),
  avif(readAt) {
    const { hasPicture, isAnimated, isSequence, profile, isLimitedGrey } = readAvifFacts(readAt);
    if (!hasPicture && isAnimated) throw unsupported('an AVIF image sequence without a still picture');
    const isCorrected = profile !== undefined || isLimitedGrey;
    return {
      isSequence,
      isUnreadAnimation: isAnimated,
      correction: isCorrected ? { kind: 'profile', profile, isLimited: isLimitedGrey } : undefined,
    };
  },
};

/** What is different if a GIF has to be drawn on its canvas: libvips hides transparency, and takes some sizes of canvas for wrong. */
function drawnOnCanvas(
  gif: GifFacts,
  { width: seenWidth, height: seenHeight }: Metadata,
): (Partial<Metadata> & { correction: Correction }) | undefined {
  const { width, height } = gif;
  if (!hidesTransparency(gif) && width === seenWidth && height === seenHeight) return undefined;
  const size = { width, height };
  return { ...size, autoOrient: size, channels: 4, hasAlpha: true, correction: { kind: 'canvas', gif } };
}

/** The correction that the file states, or the one for what sharp does in another way than browsers. */
function correctionOf({ space, icc }: Metadata, stated: Correction | undefined): Correction | undefined {
  if (space === 'cmyk' && icc === undefined) return { kind: 'cmyk' };
  // To grey of 16 bits, sharp does not apply profiles.
  if (space !== 'grey16') return stated;
  const profile = stated?.kind === 'chunk' ? stated.profile : icc;
  return stated?.kind === 'samples' || profile === undefined
    ? stated
    : { kind: 'profile', profile, isLimited: false };
}

/** What sharp is to read: the path, or the bytes if a brand has to be changed for libvips. */
export function inputOf({ path }: SourceFile, { isSequence }: Pick<Header, 'isSequence'>): string | Buffer {
  return isSequence ? asStillAvif(readFileSync(path)) : path;
}

/** Number of pages. In AVIF, libheif also counts pictures other than the primary one, the only one that is read. */
export function pagesOf({ format }: SourceFile, { pages = 1 }: Metadata): number {
  return FORMATS[format].pages ? pages : 1;
}

export interface AlphaFacts {
  hasAlpha: boolean;
  /** Whether a TIFF stores more than colours and alpha. None of the others is known to be alpha, so `toPixels` drops them all. */
  hasExtraBands: boolean;
}

export function alphaOf({ space, channels, hasAlpha, correction }: Header): AlphaFacts {
  if (correction?.kind === 'samples') return { hasAlpha, hasExtraBands: false };
  const colors = space === 'cmyk' ? 4 : isGreySpace(space) ? 1 : 3;
  const hasExtraBands = channels > colors + 1;
  return { hasAlpha: hasAlpha && !hasExtraBands, hasExtraBands };
}

export function isGreySpace(space: string): boolean {
  return space === 'b-w' || space === 'grey16';
}

/**
 * Changes with the file and each time that it is written. Synchronous, because the thread pool would take longer.
 *
 * @throws Error of the file system, or if the path is not a regular file: a decoder would wait for ever at a named pipe
 */
function fileIdentity(path: string): string {
  const stat = statSync(path, { bigint: true });
  if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}
