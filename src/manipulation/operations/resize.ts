import { type Static, Type } from '@sinclair/typebox';
import { parseColor } from '../../core/color.ts';
import { StringEnum } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';
import { Color, isGreyColor, isTranslucent } from './color.ts';
import { defineOperation } from './operation.ts';
import { isStrategy, POSITIONS } from './placement.ts';

const FITS = ['cover', 'contain', 'fill', 'inside', 'outside'] as const;
/** These fill a box of both width and height. */
const BOX_FITS: readonly string[] = ['cover', 'contain'];
const KERNELS = [
  'nearest',
  'linear',
  'cubic',
  'mitchell',
  'lanczos2',
  'lanczos3',
  'mks2013',
  'mks2021',
] as const;

const side = (name: string, example: number) =>
  Type.Optional(
    Type.Integer({
      description: `${name} of the result in pixels. Without it, it follows from the other side and the aspect ratio.`,
      minimum: 1,
      maximum: 65_535,
      examples: [example],
    }),
  );

const ResizeParams = Type.Object({
  width: side('Width', 800),
  height: side('Height', 600),
  fit: StringEnum(FITS, {
    description:
      'How the picture fits a box of both width and height. `cover`: fill the box and cut off the rest. `contain`: fit inside and fill the rest with `background`. ' +
      '`fill`: stretch. `inside`: as large as fits in the box. `outside`: as small as covers the box.',
    default: 'cover',
    examples: ['inside'],
  }),
  position: StringEnum(POSITIONS, {
    description:
      'The part that `cover` keeps, or the place where `contain` puts the picture. With `cover` only: `attention` keeps its most eye-catching part, `entropy` the part with the most detail.',
    default: 'center',
    examples: ['attention'],
  }),
  kernel: StringEnum(KERNELS, {
    description: 'Interpolation kernel.',
    default: 'lanczos3',
    examples: ['lanczos3'],
  }),
  background: Color('Colour with which `contain` fills the rest.', { default: '#00000000' }),
  without_enlargement: Type.Boolean({
    description: 'Leave a smaller picture as it is.',
    default: false,
    examples: [true],
  }),
  without_reduction: Type.Boolean({
    description: 'Leave a larger picture as it is (it may still be cut to the box).',
    default: false,
    examples: [false],
  }),
});

export const resize = defineOperation({
  name: 'resize',
  summary: 'Resizes the picture to a width, a height or both.',
  description:
    'At least one of `width` and `height` is needed. If both are given, `fit` says what happens to the aspect ratio.',
  params: ResizeParams.properties,

  needsStill: ({ position, fit }) =>
    fit === 'cover' && isStrategy(position)
      ? `resize with position ${position} would cut each page at a different place`
      : undefined,
  addsAlpha: ({ fit, background }) => fit === 'contain' && isTranslucent(background),
  grey: ({ fit, background }) => (fit === 'contain' && !isGreyColor(background) ? 'loses' : 'keeps'),

  validate({ width, height, fit, position, without_enlargement, without_reduction }, report) {
    if (width === undefined && height === undefined) {
      report('width', 'a width, a height or both', undefined);
    }
    if (isStrategy(position) && fit !== 'cover') {
      report('position', `a compass point together with fit=${fit}`, position);
    }
    if (without_enlargement && without_reduction) {
      report('without_reduction', 'false, because without_enlargement is true,', true);
    }
  },

  sizedBy: ({ width }) => (width === undefined ? 'height' : 'width'),
  measure(size, params) {
    const scaled = scaledSize(size, params);
    const { width, height, fit } = params;
    if (width === undefined || height === undefined) return scaled;
    if (fit === 'cover') {
      return { width: Math.min(width, scaled.width), height: Math.min(height, scaled.height) };
    }
    if (fit === 'contain') {
      return { width: Math.max(width, scaled.width), height: Math.max(height, scaled.height) };
    }
    return scaled;
  },

  compile(params, { size }) {
    const { width, height, fit, position, kernel, background, without_enlargement, without_reduction } =
      params;
    if (width === undefined || height === undefined || !BOX_FITS.includes(fit)) {
      // Both sides are given, because JPEG's shrink-on-load rounds on the way, so that sharp may give one row less.
      return (image) => image.resize({ ...scaledSize(size, params), fit: 'fill', kernel });
    }
    return (image) =>
      image.resize({
        width,
        height,
        fit,
        position,
        kernel,
        background: parseColor(background),
        withoutEnlargement: without_enlargement,
        withoutReduction: without_reduction,
      });
  },
});

/** Size of the picture before it is cut or put on a background, to within one pixel of sharp's. */
function scaledSize(size: Size, { width, height, fit, ...limits }: Static<typeof ResizeParams>): Size {
  const wanted = {
    x: width === undefined ? undefined : width / size.width,
    y: height === undefined ? undefined : height / size.height,
  };
  let x = wanted.x ?? (fit === 'fill' ? 1 : (wanted.y ?? 1));
  let y = wanted.y ?? (fit === 'fill' ? 1 : (wanted.x ?? 1));
  if (wanted.x !== undefined && wanted.y !== undefined && fit !== 'fill') {
    x = fit === 'cover' || fit === 'outside' ? Math.max(x, y) : Math.min(x, y);
    y = x;
  }
  const bounded = (scale: number) => {
    if (limits.without_reduction) return Math.max(1, scale);
    return limits.without_enlargement ? Math.min(1, scale) : scale;
  };
  return {
    width: Math.max(1, Math.round(size.width * bounded(x))),
    height: Math.max(1, Math.round(size.height * bounded(y))),
  };
}
