import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

export const gamma = defineOperation({
  name: 'gamma',
  summary: 'Brightens or darkens midtones by a power law.',
  description: 'Each channel `v` from 0 to 1 becomes `v^(1/gamma)`.',
  params: {
    gamma: Type.Number({
      description: 'Above 1 brightens, below 1 darkens.',
      minimum: 0.34,
      maximum: 3,
      default: 2.2,
      examples: [1.5],
    }),
  },
  compile({ gamma: exponent }) {
    // sharp has a darkening and a brightening step, each taking exponents from 1 to 3.
    return exponent < 1 ? (image) => image.gamma(1 / exponent, 1) : (image) => image.gamma(1, exponent);
  },
});
