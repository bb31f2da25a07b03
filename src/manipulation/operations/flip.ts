import { defineOperation } from './operation.ts';

export const flip = defineOperation({
  name: 'flip',
  summary: 'Mirrors the picture top to bottom.',
  params: {},
  compile: () => (image) => image.flip(),
});
