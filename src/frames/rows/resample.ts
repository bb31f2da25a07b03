import { anyMasked, maskStride } from './null-mask.ts';
import { createAreaResampler } from './resample-area.ts';
import { createKernelResampler } from './resample-kernel.ts';
import { type ResampleKernel, type Resampler, targetMask } from './resampler.ts';

/**
 * A resampler from `sourceWidth` to `width` pixels (both at least 1), to be used for many rows.
 *
 * - `area`: the mean over the source interval that a target pixel covers, in exact integer arithmetic, rounded half up.
 *   Missing pixels are left out of the mean; if no other pixel is covered, the target is missing.
 * - `nearest`: the source pixel that contains the centre of the target pixel.
 * - `linear`, `cubic` (Catmull-Rom, a = -0.5), `lanczos3`: the kernel centred on the target pixel, stretched by the ratio
 *   if the row shrinks. Weights are normalized over the pixels inside the row that are not missing. The result is rounded
 *   half up and limited to 0 to 255. A target is missing if the remaining weights sum to 0 (`linear`) or to less than 0.5
 *   (`cubic`, `lanczos3`, whose negative weights would otherwise blow up).
 */
export function createResampler(
  sourceWidth: number,
  width: number,
  kernel: ResampleKernel = 'area',
): Resampler {
  const sourceStride = maskStride(sourceWidth);
  const stride = maskStride(width);
  if (sourceWidth === width) {
    return (source, count, target) => {
      target.pixels.set(source.pixels.subarray(0, count * width));
      if (source.nulls === null) target.nulls?.fill(0, 0, count * stride);
      else targetMask(target).set(source.nulls.subarray(0, count * stride));
    };
  }
  const resampleRow =
    kernel === 'area'
      ? createAreaResampler(sourceWidth, width)
      : createKernelResampler(sourceWidth, width, kernel);
  return (source, count, target) => {
    const { nulls } = source;
    target.nulls?.fill(0, 0, count * stride);
    for (let row = 0; row < count; row++) {
      const isMasked = nulls !== null && anyMasked(nulls, row * sourceStride, sourceStride);
      resampleRow(source, row, isMasked ? nulls : null, target);
    }
  };
}
