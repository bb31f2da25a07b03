import type { Metadata } from 'sharp';
import type { Correction } from './corrections.ts';
import { decoding } from './decode-failure.ts';
import { FORMATS, type ImageFormat } from './formats.ts';
import type { Header } from './header.ts';
import { tooManyPixels } from './limits.ts';
import { readingAt } from './read-at.ts';
import { tiffBlockBytes, tiffDirectory } from './tiff-blocks.ts';
import type { ImageLimits, SourceFile } from './types.ts';

/** Resident memory of an image process before its first task: 99 to 108 MiB were measured. */
export const PROCESS_BYTES = 112 * 1024 * 1024;

/**
 * libvips works on stripes of whole rows. These many rows in memory, and these many times the rows of a higher picture, were the
 * most that was measured, for 7,000×7,000 to 49,000,000×1 pixels.
 */
const BUFFERED_ROWS = 112;
const COPIES = 2.3;
const MAX_STRIPE_ROWS = 600;

/** Bytes of a sample by libvips' names of its types. */
const SAMPLE_BYTES: Partial<Record<string, number>> = {
  uchar: 1,
  char: 1,
  ushort: 2,
  short: 2,
  double: 8,
  complex: 8,
  dpcomplex: 16,
};

/**
 * Memory of an image process while it decodes a page in stripes, in bytes, estimated from the header.
 *
 * @param blockBytes of the strips or tiles of a TIFF that are held at once
 */
export function estimateDecodeMemory(
  format: ImageFormat,
  header: Metadata,
  blockBytes: number,
  correction?: Correction,
): number {
  const { width, height, channels, depth } = header;
  const pixelBytes = channels * (SAMPLE_BYTES[depth] ?? 4);
  const stripes = width * pixelBytes * (BUFFERED_ROWS + COPIES * Math.min(height, MAX_STRIPE_ROWS));
  const decoded = FORMATS[format].decodeBytes(header) + correctionBytes(correction, pixelBytes);
  return PROCESS_BYTES + width * height * decoded + stripes + blockBytes;
}

/** Bytes of memory per pixel that a correction takes: the decoded samples, what is made of them, and the result. */
function correctionBytes(correction: Correction | undefined, pixelBytes: number): number {
  switch (correction?.kind) {
    case 'profile':
      return 3 * pixelBytes + 4;
    case 'cmyk':
    case 'samples':
      return pixelBytes + 12;
    // As many pages as are read; each is drawn in place.
    case 'canvas':
      return 12 * correction.gif.images.length;
    default:
      return 0;
  }
}

/**
 * The same for a page of a file.
 *
 * @throws AppError as `decoding`
 */
export async function decodeMemory(file: SourceFile, header: Header, page = 0): Promise<number> {
  const blockBytes = file.format === 'tiff' ? await decoding(file, readBlockBytes(file, page)) : 0;
  return estimateDecodeMemory(file.format, header, blockBytes, header.correction);
}

async function readBlockBytes({ path }: SourceFile, page: number): Promise<number> {
  return readingAt(path, (readAt) => {
    const directory = tiffDirectory(readAt, page);
    return directory === undefined ? 0 : tiffBlockBytes(readAt, directory);
  });
}

/**
 * Checks the memory for decoding a page.
 *
 * @param bytes the estimate
 * @throws AppError `too_many_pixels`
 */
export function checkDecodeMemory(
  format: ImageFormat,
  header: Metadata,
  bytes: number,
  { maxDecodeBytes }: Pick<ImageLimits, 'maxDecodeBytes'>,
): void {
  if (bytes <= maxDecodeBytes) return;
  const kind = `${header.isProgressive ? 'progressive ' : ''}${FORMATS[format].name}`;
  throw tooManyPixels(
    `a picture that can be decoded in ${toMebibytes(maxDecodeBytes)} MiB of memory`,
    `a ${kind} of ${header.width}×${header.height} pixels, which needs about ${toMebibytes(bytes)} MiB`,
  );
}

export function toMebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 ** 2);
}
