import { Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { defineOperation } from './operation.ts';

/** Odd, so that the window has a middle. The time grows with the square. */
const SIZES = [3, 5, 7, 9, 11, 13, 15, 17, 19, 21];

export const median = defineOperation({
  name: 'median',
  summary: 'Replaces each pixel with the median of the pixels around it.',
  description: 'Removes specks and keeps edges. Each channel is filtered separately; transparency is kept.',
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
  measure(picture, { size }, at) {
    const shorter = Math.min(picture.width, picture.height);
    if (size > shorter) {
      throw parameterError(
        at('size'),
        `an odd integer of at most ${shorter}, the picture's shorter side,`,
        size,
      );
    }
    return picture;
  },
  compile:
    ({ size }) =>
    (image) =>
      image.median(size),
});
