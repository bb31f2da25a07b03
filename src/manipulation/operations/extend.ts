import { Type } from '@sinclair/typebox';
import { parseColor } from '../../core/color.ts';
import { StringEnum } from '../../core/schema.ts';
import { Color, isGreyColor, isTranslucent } from './color.ts';
import { defineOperation } from './operation.ts';

const MODES = ['background', 'copy', 'repeat', 'mirror'] as const;

const edge = (name: string) =>
  Type.Integer({
    description: `Pixels to add at the ${name}.`,
    minimum: 0,
    maximum: 65_535,
    default: 0,
    examples: [16],
  });

export const extend = defineOperation({
  name: 'extend',
  summary: 'Adds a border to the picture.',
  description: 'At least one side must grow.',
  params: {
    top: edge('top'),
    right: edge('right'),
    bottom: edge('bottom'),
    left: edge('left'),
    mode: StringEnum(MODES, {
      description:
        'What the border shows: a `background` colour, the edge pixels (`copy`), the picture again (`repeat`) or mirrored (`mirror`).',
      default: 'background',
      examples: ['mirror'],
    }),
    background: Color("The border's colour in mode `background`.", { default: '#00000000' }),
  },
  addsAlpha: ({ mode, background }) => mode === 'background' && isTranslucent(background),
  grey: ({ mode, background }) => (mode === 'background' && !isGreyColor(background) ? 'loses' : 'keeps'),
  validate({ top, right, bottom, left }, report) {
    if (top + right + bottom + left === 0) {
      report('top', 'at least one of top, right, bottom and left above 0', top);
    }
  },
  sizedBy: ({ top, right, bottom, left }) => {
    const sides = Object.entries({ top, right, bottom, left });
    return sides.reduce((largest, side) => (side[1] > largest[1] ? side : largest))[0];
  },
  measure: ({ width, height }, { top, right, bottom, left }) => ({
    width: width + left + right,
    height: height + top + bottom,
  }),
  compile:
    ({ top, right, bottom, left, mode, background }) =>
    (image) =>
      image.extend({ top, right, bottom, left, extendWith: mode, background: parseColor(background) }),
});
