import { Type } from '@sinclair/typebox';
import { parseColor } from '../../core/color.ts';
import { Color } from './color.ts';
import { defineOperation } from './operation.ts';

export const trim = defineOperation({
  name: 'trim',
  summary: 'Cuts off borders of one colour.',
  description: 'A picture that is all border is left as it is.',
  params: {
    background: Type.Optional(Color("The border's colour. Default: that of the top left pixel.")),
    threshold: Type.Number({
      description: 'How much a pixel of the border may differ from the background, from 0 to 255.',
      minimum: 0,
      maximum: 255,
      default: 10,
      examples: [25],
    }),
    margin: Type.Integer({
      description: 'Pixels of the border to keep on each side.',
      minimum: 0,
      maximum: 10_000,
      default: 0,
      examples: [8],
    }),
  },
  animated: false,
  dependsOnPixels: true,
  compile({ background, threshold, margin }, { size }) {
    // sharp refuses to trim a picture that is smaller than three pixels in both directions.
    if (size.width < 3 && size.height < 3) return (image) => image;
    // Without this, libvips smooths the picture in windows of 3×3 pixels before it compares.
    const lineArt = size.width < 3 || size.height < 3;
    const color = background === undefined ? {} : { background: parseColor(background) };
    return (image) => image.trim({ ...color, threshold, margin, lineArt });
  },
});
