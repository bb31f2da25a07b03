import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

export const threshold = defineOperation({
  name: 'threshold',
  summary: 'Makes each pixel black or white.',
  description: 'Values at or above the threshold become white; transparency is kept.',
  params: {
    threshold: Type.Integer({
      description: 'Lowest value that becomes white.',
      minimum: 1,
      maximum: 255,
      default: 128,
      examples: [128],
    }),
    grayscale: Type.Boolean({
      description: 'Apply the threshold to the luminance; if false, to each channel separately.',
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
