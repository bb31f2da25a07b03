import { statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import sharp, { type Metadata } from 'sharp';
import { decoding, undecodable } from './decode-failure.ts';
import { FORMATS, type ImageFormat } from './formats.ts';
import { checkGifBlocks } from './gif.ts';
import { checkJpegSegments } from './jpeg.ts';
import { type ReadAt, readingAt } from './read-at.ts';
import './restrict-loaders.ts';
import type { SourceFile } from './types.ts';

/** Headers of the files that were opened last, because several results are often made from one picture. */
const headers = new LRUCache<string, Metadata>({
  maxSize: 4 * 1024 * 1024,
  maxEntrySize: 256 * 1024,
  // The numbers and the metadata blocks.
  sizeCalculation: ({ exif, icc, iptc, xmp }) =>
    [exif, icc, iptc, xmp].reduce((sum, block) => sum + (block?.length ?? 0), 2048),
});

/** What the decoders do not check, or only after a long time. */
const CHECKS: Partial<Record<ImageFormat, (readAt: ReadAt) => void>> = {
  gif: checkGifBlocks,
  jpeg: checkJpegSegments,
};

/**
 * The header of a page; the pages of a TIFF may differ in everything. Nothing is decoded and no limit is checked.
 *
 * @throws AppError as `decoding`
 */
export function readHeader(file: SourceFile, page = 0): Promise<Metadata> {
  return decoding(file, findHeader(file, page));
}

async function findHeader(file: SourceFile, page: number): Promise<Metadata> {
  const key = `${fileIdentity(file.path)}#${page}`;
  const known = headers.get(key);
  if (known) return known;
  const check = CHECKS[file.format];
  if (check) readingAt(file.path, check);
  const options = { ...(page === 0 ? {} : { page }), limitInputPixels: false };
  const header = await sharp(file.path, options).metadata();
  const format = header.format === 'heif' ? 'avif' : header.format;
  if (format !== file.format) throw undecodable(file.format, `its content is ${format}`);
  headers.set(key, header);
  return header;
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

export function alphaOf({ space, channels, hasAlpha }: Metadata): AlphaFacts {
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
