import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';
import { checkSides } from './placement.ts';

const side = (name: 'width' | 'height') =>
  Type.Integer({
    description: `${name === 'width' ? 'Width' : 'Height'} of the window in pixels, at most that of the picture.`,
    minimum: 1,
    maximum: 1024,
    default: 64,
    examples: [64],
  });

export const clahe = defineOperation({
  name: 'clahe',
  summary: 'Brings out local contrast (contrast limited adaptive histogram equalization).',
  description: 'Each channel is equalized over a window around each pixel; transparency is kept.',
  params: {
    width: side('width'),
    height: side('height'),
    max_slope: Type.Integer({
      description: 'Limit of the contrast; 0 means no limit.',
      minimum: 0,
      maximum: 100,
      default: 3,
      examples: [3],
    }),
  },
  leavesAlpha: true,
  measure(size, params, at) {
    checkSides(params, size, at);
    return size;
  },
  compile:
    ({ width, height, max_slope }) =>
    (image) =>
      image.clahe({ width, height, maxSlope: max_slope }),
});
