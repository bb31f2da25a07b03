import { Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { IntegerEnum } from '../../core/schema.ts';
import { defineOperation } from './operation.ts';

/** Odd, so that the window has a middle. The time grows with the square. */
const SIZES = [3, 5, 7, 9, 11, 13, 15, 17, 19, 21];

const DEFAULT_SIZE = 3;

export const median = defineOperation({
  name: 'median',
  summary: 'Replaces each pixel with the median of the pixels around it.',
  description: 'Removes specks and keeps edges. Each channel is filtered separately; transparency is kept.',
  params: {
    size: Type.Optional(
      IntegerEnum(SIZES, {
        description:
          'Width and height of the window in pixels, odd, at most the shorter side of the picture. Default: 3; a picture with a shorter side stays as it is.',
        examples: [5],
      }),
    ),
  },
  leavesAlpha: true,
  measure(picture, { size }, at) {
    const shorter = Math.min(picture.width, picture.height);
    if (size !== undefined && size > shorter) {
      throw parameterError(
        at('size'),
        `an odd integer of at most ${shorter}, the picture's shorter side,`,
        size,
      );
    }
    return picture;
  },
  compile({ size = DEFAULT_SIZE }, { size: { width, height } }) {
    // Only the default can be larger than the picture.
    return (image) => (size > Math.min(width, height) ? image : image.median(size));
  },
});
