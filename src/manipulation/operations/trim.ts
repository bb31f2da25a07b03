import { Type } from '@sinclair/typebox';
import { Color, parseColor } from './color.ts';
import { defineOperation } from './operation.ts';

export const trim = defineOperation({
  name: 'trim',
  summary: 'Cuts borders of one colour away.',
  description: 'A picture that is all border stays as it is.',
  params: {
    background: Type.Optional(Color("The border's colour; without it, that of the top left pixel.")),
    threshold: Type.Number({
      description: 'How far a pixel may differ from the background, from 0 to 255, and still be border.',
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
  compile({ background, threshold, margin }, { size }) {
    // sharp takes none of less than three pixels each way.
    if (size.width < 3 && size.height < 3) return (image) => image;
    // Else libvips smooths what it compares in windows of 3×3 pixels.
    const lineArt = size.width < 3 || size.height < 3;
    const color = background === undefined ? {} : { background: parseColor(background) };
    return (image) => image.trim({ ...color, threshold, margin, lineArt });
  },
});
