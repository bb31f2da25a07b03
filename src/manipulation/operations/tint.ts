import { parseColor } from '../../core/color.ts';
import { OpaqueColor } from './color.ts';
import { defineOperation } from './operation.ts';

export const tint = defineOperation({
  name: 'tint',
  summary: 'Colours the picture with one hue.',
  description: 'Keeps the luminance; midtones take on most of the colour.',
  params: {
    color: OpaqueColor('The colour.', { default: '#704214', examples: ['#704214'] }),
  },
  grey: () => 'loses',
  compile:
    ({ color }) =>
    (image) =>
      image.tint(parseColor(color)),
});
