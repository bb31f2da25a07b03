import { Type } from '@sinclair/typebox';
import { defineOperation } from './operation.ts';

const upTo100 = (description: string, byDefault: number, example: number) =>
  Type.Number({ description, minimum: 0, maximum: 100, default: byDefault, examples: [example] });

export const sharpen = defineOperation({
  name: 'sharpen',
  summary: 'Sharpens the lightness of the picture.',
  description:
    'Applies an unsharp mask to L* of CIELAB ([libvips](https://www.libvips.org/API/current/method.Image.sharpen.html)): `m1` is the gain in flat areas, `m2` in jagged ones, `x1` the difference in L* that separates the two; `y2` and `y3` limit brightening and darkening.',
  params: {
    sigma: Type.Number({
      description: 'Standard deviation of the mask in pixels.',
      minimum: 0.01,
      maximum: 10,
      default: 1,
      examples: [1.5],
    }),
    m1: upTo100('Gain in flat areas.', 1, 0),
    m2: upTo100('Gain in jagged areas.', 2, 3),
    x1: upTo100('Difference in L* at which an area counts as jagged.', 2, 2),
    y2: upTo100('Maximum brightening, in L*.', 10, 10),
    y3: upTo100('Maximum darkening, in L*.', 20, 20),
  },
  compile: (params) => (image) => image.sharpen(params),
});
