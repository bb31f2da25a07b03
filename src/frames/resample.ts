import { createAreaResampler } from './resample-area.ts';
import { createKernelResampler } from './resample-kernel.ts';

/** The ways to another width. `area` is the exact area average, and the default everywhere. */
export const RESAMPLE_KERNELS = ['area', 'nearest', 'linear', 'cubic', 'lanczos3'] as const;
export type ResampleKernel = (typeof RESAMPLE_KERNELS)[number];

/** Width of `resized_image_data` unless another is asked for. */
export const DEFAULT_WIDTH = 150;

/** Rows of grey levels, packed, with the bitmaps of those that are missing (null-mask.ts), or null where none is. */
export interface PackedRows {
  /** `rows × width` bytes, row-major. */
  pixels: Uint8Array;
  /** `rows × maskStride(width)` bytes. */
  nulls: Uint8Array | null;
}

/** A plan from one width to another, to be made once and used for many rows. Rows never mix. */
export interface Resampler {
  sourceWidth: number;
  width: number;
  /**
   * Resamples `count` rows of `source` into the first `count` rows of `target`, all bytes of which are written.
   * `target.nulls` may be null only where `source.nulls` is.
   */
  resample(source: PackedRows, count: number, target: PackedRows): void;
}

/**
 * A resampler from `sourceWidth` to `width` pixels (both at least 1).
 *
 * - `area`: the mean over the source interval that a target pixel covers, in exact whole-number arithmetic, rounded
 *   half up. Missing pixels are left out of the mean; where nothing else is covered, the target is missing.
 * - `nearest`: the source pixel in which the target pixel's centre lies.
 * - `linear`, `cubic` (Catmull-Rom, a = -0.5), `lanczos3`: the kernel centred on the target pixel's centre, stretched
 *   by the ratio where the row shrinks, weights of the pixels inside the row made to sum to 1, rounded half up, and
 *   limited to 0 to 255. Missing pixels are left out and the other weights made to sum to 1; a target is missing where
 *   the weights left sum to nothing (`linear`) or to less than 0.5 (`cubic`, `lanczos3`, whose negative weights would
 *   otherwise blow up).
 */
export function createResampler(
  sourceWidth: number,
  width: number,
  kernel: ResampleKernel = 'area',
): Resampler {
  if (kernel === 'area' || sourceWidth === width) return createAreaResampler(sourceWidth, width);
  return createKernelResampler(sourceWidth, width, kernel);
}
