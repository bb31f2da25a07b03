import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

const factor = (description: string, example: number) =>
  Type.Number({ description, minimum: 0, maximum: 10, default: 1, examples: [example] });

export const modulate = defineOperation({
  name: 'modulate',
  summary: 'Changes brightness, saturation, hue and lightness.',
  description: 'Works in CIE LCh: brightness and lightness change L*, saturation changes chroma.',
  params: {
    brightness: factor('Multiplies the lightness; 1 leaves it unchanged.', 1.2),
    saturation: factor('Multiplies the chroma; 0 is grey, 1 leaves it unchanged.', 0.5),
    hue: Type.Integer({
      description: 'Degrees by which hues are rotated.',
      minimum: -360,
      maximum: 360,
      default: 0,
      examples: [180],
    }),
    lightness: Type.Number({
      description: 'Added to the lightness, in L* (0 to 100).',
      minimum: -100,
      maximum: 100,
      default: 0,
      examples: [10],
    }),
  },
  canonicalize: ({ hue, ...rest }) => ({ ...rest, hue: ((hue % 360) + 360) % 360 }),
  compile: (params) => (image) => image.modulate(params),
});
