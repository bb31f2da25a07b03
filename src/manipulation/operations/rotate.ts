import { Type } from '@sinclair/typebox';
import { parseColor } from '../../core/color.ts';
import { Color, isGreyColor, isTranslucent } from './color.ts';
import { defineOperation } from './operation.ts';

const isQuarterTurn = (angle: number): boolean => angle % 90 === 0;

export const rotate = defineOperation({
  name: 'rotate',
  summary: 'Rotates the picture by any angle.',
  description:
    'Multiples of 90 degrees move pixels without changing them. At other angles the picture grows to hold all of it, and its corners show `background`.',
  params: {
    angle: Type.Number({
      description: 'Degrees clockwise.',
      minimum: -360,
      maximum: 360,
      default: 90,
      examples: [90],
    }),
    background: Color('Colour of the corners.', { default: '#00000000' }),
  },
  addsAlpha: ({ angle, background }) => !isQuarterTurn(angle) && isTranslucent(background),
  grey: ({ angle, background }) => (isQuarterTurn(angle) || isGreyColor(background) ? 'keeps' : 'loses'),
  canonicalize: ({ angle, ...rest }) => ({ ...rest, angle: ((angle % 360) + 360) % 360 }),
  sizedBy: () => 'angle',
  measure({ width, height }, { angle }) {
    const radians = (angle * Math.PI) / 180;
    const sine = Math.abs(Math.sin(radians));
    const cosine = Math.abs(Math.cos(radians));
    return {
      width: Math.round(width * cosine + height * sine),
      height: Math.round(width * sine + height * cosine),
    };
  },
  compile:
    ({ angle, background }) =>
    (image) =>
      image.rotate(angle, { background: parseColor(background) }),
});
