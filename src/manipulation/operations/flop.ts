import { defineOperation } from './operation.ts';

export const flop = defineOperation({
  name: 'flop',
  summary: 'Mirrors the picture left to right.',
  params: {},
  compile: () => (image) => image.flop(),
});
