import { defineOperation } from './operation.ts';

export const grayscale = defineOperation({
  name: 'grayscale',
  summary: 'Turns the picture to shades of grey.',
  description:
    'The luminance (Rec. 709, linear light). JPEG, PNG and TIFF results have one channel, and alpha where there is any.',
  params: {},
  leavesAlpha: true,
  grey: () => 'makes',
  compile: () => (image) => image.grayscale(),
});
