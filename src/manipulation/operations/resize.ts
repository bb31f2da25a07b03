import { type Static, Type } from '@sinclair/typebox';
import { StringEnum } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';
import { Color, isGreyColor, isTranslucent, parseColor } from './color.ts';
import { defineOperation, type ParameterFault } from './operation.ts';
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
      description: `${name} of the result in pixels; without it, it follows from the other side and the aspect ratio.`,
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
      'How the picture fits a box of both width and height. `cover`: fill the box, cut what juts out. `contain`: fit inside, fill the rest with `background`. ' +
      '`fill`: stretch. `inside`: as large as fits in the box. `outside`: as small as covers the box.',
    default: 'cover',
    examples: ['inside'],
  }),
  position: StringEnum(POSITIONS, {
    description:
      'What `cover` keeps and where `contain` puts the picture. `attention` keeps the part that draws the eye, `entropy` the part with most detail (`cover` only).',
    default: 'center',
    examples: ['attention'],
  }),
  kernel: StringEnum(KERNELS, {
    description: 'Interpolation kernel.',
    default: 'lanczos3',
    examples: ['lanczos3'],
  }),
  background: Color('What `contain` fills the rest with.', { default: '#00000000' }),
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
    'At least one of `width` and `height` is needed. Where both are given, `fit` says what happens to the aspect ratio.',
  params: ResizeParams.properties,

  needsStill: ({ position, fit }) =>
    fit === 'cover' && isStrategy(position)
      ? `resize with position ${position} would cut each frame elsewhere`
      : undefined,
  addsAlpha: ({ fit, background }) => fit === 'contain' && isTranslucent(background),
  grey: ({ fit, background }) => (fit === 'contain' && !isGreyColor(background) ? 'loses' : 'keeps'),

  validate({ width, height, fit, position, without_enlargement, without_reduction }) {
    const faults: ParameterFault[] = [];
    if (width === undefined && height === undefined) {
      faults.push({ parameter: 'width', expected: 'a width, a height or both', received: undefined });
    }
    if (isStrategy(position) && fit !== 'cover') {
      faults.push({
        parameter: 'position',
        expected: `a compass point together with fit=${fit}`,
        received: position,
      });
    }
    if (without_enlargement && without_reduction) {
      faults.push({
        parameter: 'without_reduction',
        expected: 'false together with without_enlargement=true',
        received: true,
      });
    }
    return faults;
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
      // Both sides are given, since JPEG's shrink-on-load rounds on the way: sharp makes 500×333 to width 100 into 66
      // rows, not 67.
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

/** Size of the picture before it is cut or put on a background; as sharp computes it, up to one pixel. */
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
