import { parseColor } from '../../core/color.ts';
import { isGreyColor, OpaqueColor } from './color.ts';
import { defineOperation } from './operation.ts';

export const flatten = defineOperation({
  name: 'flatten',
  summary: 'Puts the picture on a background and removes its transparency.',
  params: {
    background: OpaqueColor('The background.', { default: '#ffffff' }),
  },
  grey: ({ background }) => (isGreyColor(background) ? 'keeps' : 'loses'),
  compile:
    ({ background }) =>
    (image) =>
      image.flatten({ background: parseColor(background) }),
});
