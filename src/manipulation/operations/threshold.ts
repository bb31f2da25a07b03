import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

export const threshold = defineOperation({
  name: 'threshold',
  summary: 'Makes each pixel black or white.',
  description: 'At or above the threshold is white; transparency stays.',
  params: {
    threshold: Type.Integer({
      description: 'Value from 1 to 255 at which white starts.',
      minimum: 1,
      maximum: 255,
      default: 128,
      examples: [128],
    }),
    grayscale: Type.Boolean({
      description: 'Judge the luminance; else each channel by itself.',
      default: true,
      examples: [true],
    }),
  },
  leavesAlpha: true,
  grey: ({ grayscale }) => (grayscale ? 'makes' : 'keeps'),
  compile:
    ({ threshold: level, grayscale }) =>
    (image) =>
      image.threshold(level, { grayscale }),
});
