import { Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { defineOperation } from './operation.ts';

/** Odd, so that the window has a middle; the time grows with the square. */
const SIZES = [3, 5, 7, 9, 11, 13, 15, 17, 19, 21];

export const median = defineOperation({
  name: 'median',
  summary: 'Replaces each pixel by the median around it.',
  description: 'Takes away specks and keeps edges; each channel by itself, transparency stays.',
  params: {
    size: Type.Unsafe<number>({
      type: 'integer',
      enum: SIZES,
      description: 'Width and height of the window in pixels, odd.',
      default: 3,
      examples: [5],
    }),
  },
  leavesAlpha: true,
  measure(size, params, at) {
    const most = Math.min(size.width, size.height);
    if (params.size > most) {
      throw parameterError(
        at('size'),
        `an odd integer of at most ${most}, the picture's shorter side,`,
        params.size,
      );
    }
    return size;
  },
  compile:
    ({ size }) =>
    (image) =>
      image.median(size),
});
