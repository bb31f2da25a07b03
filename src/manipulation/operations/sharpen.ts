import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

export const sharpen = defineOperation({
  name: 'sharpen',
  summary: 'Sharpens the lightness of the picture.',
  description:
    'An unsharp mask on L* of CIELAB ([libvips](https://www.libvips.org/API/current/method.Image.sharpen.html)): `m1` is the gain in flat areas, `m2` in jagged ones, `x1` the difference in L* between the two; `y2` and `y3` bound how much is brightened and darkened.',
  params: {
    sigma: Type.Number({
      description: 'Standard deviation of the mask in pixels.',
      minimum: 0.01,
      maximum: 10,
      default: 1,
      examples: [1.5],
    }),
    m1: Type.Number({
      description: 'Gain in flat areas.',
      minimum: 0,
      maximum: 100,
      default: 1,
      examples: [0],
    }),
    m2: Type.Number({
      description: 'Gain in jagged areas.',
      minimum: 0,
      maximum: 100,
      default: 2,
      examples: [3],
    }),
    x1: Type.Number({
      description: 'Where jagged starts, as a difference in L*.',
      minimum: 0,
      maximum: 100,
      default: 2,
      examples: [2],
    }),
    y2: Type.Number({
      description: 'Most brightening, in L*.',
      minimum: 0,
      maximum: 100,
      default: 10,
      examples: [10],
    }),
    y3: Type.Number({
      description: 'Most darkening, in L*.',
      minimum: 0,
      maximum: 100,
      default: 20,
      examples: [20],
    }),
  },
  compile:
    ({ sigma, m1, m2, x1, y2, y3 }) =>
    (image) =>
      image.sharpen({ sigma, m1, m2, x1, y2, y3 }),
});
