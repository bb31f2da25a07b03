import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

export const blur = defineOperation({
  name: 'blur',
  summary: 'Blurs the picture with a Gaussian kernel.',
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
      // sharp's default cuts the kernel off at 1.8 sigma, which shows; this is 3.03 sigma.
      image.blur({ sigma, minAmplitude: 0.01 }),
});
