import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

export const normalize = defineOperation({
  name: 'normalize',
  summary: 'Stretches the lightness to the full range.',
  description:
    'The given percentiles of L* become black and white. An animation is stretched as a whole, so that it does not flicker.',
  params: {
    lower: Type.Integer({
      description: 'Percentile that becomes black.',
      minimum: 0,
      maximum: 99,
      default: 1,
      examples: [2],
    }),
    upper: Type.Integer({
      description: 'Percentile that becomes white.',
      minimum: 1,
      maximum: 100,
      default: 99,
      examples: [98],
    }),
  },
  pagesTogether: true,
  validate({ lower, upper }, report) {
    if (lower >= upper) report('lower', `an integer below upper (${upper})`, lower);
  },
  compile: (params) => (image) => image.normalize(params),
});
