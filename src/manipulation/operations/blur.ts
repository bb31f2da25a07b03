import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

export const blur = defineOperation({
  name: 'blur',
  summary: 'Blurs the picture with a Gaussian kernel.',
  description: '',
  params: {
    sigma: Type.Number({
      description: 'Standard deviation of the kernel in pixels.',
      minimum: 0.3,
      maximum: 100,
      default: 2,
      examples: [4],
    }),
  },
  compile:
    ({ sigma }) =>
    (image) =>
      // sharp's default cuts the kernel off at 0.2 of its height, 1.8 sigma from the middle; this is at 3.03.
      image.blur({ sigma, minAmplitude: 0.01 }),
});
