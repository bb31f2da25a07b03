import { AppError } from '../core/errors.ts';
import { mismatch, Words } from '../core/faults.ts';
import type { ImageLimits, Size } from './types.ts';

/** What a picture is held to before it is decoded. */
export type PixelLimits = Pick<ImageLimits, 'maxPixels' | 'maxTotalPixels'>;

/**
 * Holds one frame, and all frames together, to the limits.
 *
 * @param frames number of frames of this size
 * @param name what has this size, for the refusal
 * @throws AppError `too_many_pixels`
 */
export function checkPixels(
  { width, height }: Size,
  frames: number,
  limits: PixelLimits,
  name = 'one',
): void {
  const pixels = width * height;
  if (pixels > limits.maxPixels) {
    throw tooManyPixels(
      `a picture of at most ${limits.maxPixels} pixels`,
      `${name} of ${width}×${height} = ${pixels}`,
    );
  }
  checkTotalPixels(pixels * frames, limits);
}

/**
 * Holds the pixels of all frames or pages to the limit.
 *
 * @param pixels of all of them, or of those that have been counted so far
 * @throws AppError `too_many_pixels`
 */
export function checkTotalPixels(pixels: number, { maxTotalPixels }: PixelLimits): void {
  if (pixels > maxTotalPixels) {
    throw tooManyPixels(`at most ${maxTotalPixels} pixels in all frames together`, `at least ${pixels}`);
  }
}

/** The refusal of a picture that is too large to be decoded. */
export function tooManyPixels(expected: string, received: string): AppError {
  return new AppError('too_many_pixels', mismatch('', expected, new Words(received)));
}
