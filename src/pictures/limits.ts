import { AppError } from '../core/errors.ts';
import { mismatch, Words } from '../core/faults.ts';
import type { ImageLimits, Size } from './types.ts';

/** libvips takes 0.1 µs for each row, even if it has one pixel. */
const MAX_ROWS = 10_000_000;

/** An animated GIF takes up to 3 µs for each. Pages that are as wide as high have fewer within the other limits. */
const MAX_ROWS_OF_PAGES = 2_000_000;

/** The limits that are checked before a picture is decoded. */
export type DecodeLimits = Pick<ImageLimits, 'maxPixels' | 'maxTotalPixels' | 'maxDecodeBytes'>;

/**
 * Checks the limits for one page, and for all pages together.
 *
 * @param pages number of pages of this size
 * @param name what has this size, for the refusal
 * @throws AppError `too_many_pixels`
 */
export function checkPixels(
  { width, height }: Size,
  pages: number,
  limits: Omit<DecodeLimits, 'maxDecodeBytes'>,
  name = 'one',
): void {
  const pixels = width * height;
  if (pixels > limits.maxPixels) {
    const expected = `a picture of at most ${limits.maxPixels} pixels`;
    throw tooManyPixels(expected, `${name} of ${width}×${height} = ${pixels}`);
  }
  checkTotalPixels(pixels * pages, limits);
  const rows = height * pages;
  const maxRows = pages > 1 ? MAX_ROWS_OF_PAGES : MAX_ROWS;
  if (rows > maxRows) throw tooManyPixels(`at most ${maxRows} rows in all pages together`, `${rows}`);
}

/**
 * Checks the limit for all pages together.
 *
 * @param pixels of all pages, or of those that have been counted so far
 * @throws AppError `too_many_pixels`
 */
export function checkTotalPixels(
  pixels: number,
  { maxTotalPixels }: Pick<DecodeLimits, 'maxTotalPixels'>,
): void {
  if (pixels > maxTotalPixels) {
    throw tooManyPixels(`at most ${maxTotalPixels} pixels in all pages together`, `at least ${pixels}`);
  }
}

/** The refusal of a picture that is too large to be decoded. */
export function tooManyPixels(expected: string, received: string): AppError {
  return new AppError('too_many_pixels', mismatch('', expected, new Words(received)));
}
