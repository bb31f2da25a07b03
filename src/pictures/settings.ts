import { count, GIB, type Settings } from '../core/settings.ts';
import type { ImageLimits } from './types.ts';

export const pictureSettings = {
  MAX_PIXELS: count('Maximum pixels (width × height) of one page of an uploaded image.', 50_000_000),
  MAX_TOTAL_PIXELS: count('Maximum pixels of all pages of an uploaded image together.', 200_000_000),
  MAX_OUTPUT_PIXELS: count(
    'Maximum pixels of a result, all pages together, and of each step that leads to it.',
    100_000_000,
  ),
  MAX_DECODE_BYTES: count(
    'Maximum memory of an image process while it works on one image, in bytes. What needs more is refused by its header as far as that tells it; otherwise the process is killed (on Linux).',
    2 * GIB,
  ),
};

export type PictureSettings = Settings<typeof pictureSettings>;

/** The limits of image tasks. */
export function imageLimits(settings: PictureSettings): ImageLimits {
  return {
    maxPixels: settings.MAX_PIXELS,
    maxTotalPixels: settings.MAX_TOTAL_PIXELS,
    maxOutputPixels: settings.MAX_OUTPUT_PIXELS,
    maxDecodeBytes: settings.MAX_DECODE_BYTES,
  };
}
