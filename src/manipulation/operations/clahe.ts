import { Type } from '@sinclair/typebox';
import type { Size } from '../../pictures/types.ts';
import { defineOperation } from './operation.ts';
import { checkSides } from './placement.ts';

/** The window's sides by default. */
const SIDE = 64;

const side = (name: 'width' | 'height') =>
  Type.Optional(
    Type.Integer({
      description: `${name === 'width' ? 'Width' : 'Height'} of the window in pixels, at most that of the picture. Default: ${SIDE}, or the picture's ${name} if that is smaller.`,
      minimum: 1,
      maximum: 1024,
      examples: [64],
    }),
  );

/** The window for a picture. Only the defaults are adapted to it. */
function windowOf({ width, height }: Partial<Size>, picture: Size): Size {
  return { width: width ?? Math.min(SIDE, picture.width), height: height ?? Math.min(SIDE, picture.height) };
}

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
    checkSides(windowOf(params, size), size, at);
    return size;
  },
  compile:
    ({ max_slope, ...sides }, { size }) =>
    (image) =>
      image.clahe({ ...windowOf(sides, size), maxSlope: max_slope }),
});
