import { createAreaResampler } from './resample-area.ts';
import { createKernelResampler } from './resample-kernel.ts';
import type { ResampleKernel, Resampler } from './resampler.ts';

/**
 * A resampler from `sourceWidth` to `width` pixels (both at least 1).
 *
 * - `area`: the mean over the source interval that a target pixel covers, in exact whole-number arithmetic, rounded
 *   half up. Missing pixels are left out of the mean; if nothing else is covered, the target is missing.
 * - `nearest`: the source pixel in which the target pixel's centre lies.
 * - `linear`, `cubic` (Catmull-Rom, a = -0.5), `lanczos3`: the kernel centred on the target pixel's centre, stretched
 *   by the ratio if the row shrinks, weights of the pixels inside the row made to sum to 1, rounded half up, and
 *   limited to 0 to 255. Missing pixels are left out and the other weights made to sum to 1; a target is missing if
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
