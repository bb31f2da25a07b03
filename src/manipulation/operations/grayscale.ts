import { defineOperation } from './operation.ts';

export const grayscale = defineOperation({
  name: 'grayscale',
  summary: 'Turns the picture into shades of grey.',
  description:
    'Uses the luminance (Rec. 709, linear light). JPEG, PNG and TIFF results have one channel, and alpha if the picture has it.',
  params: {},
  leavesAlpha: true,
  grey: () => 'makes',
  compile: () => (image) => image.grayscale(),
});
