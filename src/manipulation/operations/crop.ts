import { type Static, Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { StringEnum } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';
import { type At, defineOperation, type Report } from './operation.ts';
import {
  type Box,
  checkSides,
  clipBox,
  isStrategy,
  POSITIONS,
  placeByGravity,
  type Strategy,
} from './placement.ts';

const MAX_SIDE = 65_535;

const length = (description: string, minimum: number, example: number) =>
  Type.Optional(Type.Integer({ description, minimum, maximum: MAX_SIDE, examples: [example] }));

const CropParams = Type.Object({
  left: length('Left edge of the box, in pixels from the left.', -MAX_SIDE, 10),
  top: length('Top edge of the box, in pixels from the top.', -MAX_SIDE, 20),
  width: length('Width in pixels.', 1, 320),
  height: length('Height in pixels.', 1, 240),
  aspect_ratio: Type.Optional(
    Type.String({
      description: 'Width to height, for example `16:9`.',
      pattern: '^[1-9][0-9]{0,4}:[1-9][0-9]{0,4}$',
      examples: ['16:9'],
    }),
  ),
  position: Type.Optional(
    StringEnum(POSITIONS, {
      description:
        'The part to keep if no box is given: a compass point (`center` by default), `attention` (its most eye-catching part) or `entropy` (the part with the most detail).',
      examples: ['attention'],
    }),
  ),
  clip: Type.Boolean({
    description: 'If the box extends beyond the picture, crop to the part inside instead of refusing it.',
    default: false,
    examples: [true],
  }),
});

type CropParams = Static<typeof CropParams>;

export const crop = defineOperation({
  name: 'crop',
  summary: 'Cuts a part out of the picture.',
  description: `There are three ways to choose the part:

- a box: \`left\`, \`top\`, \`width\` and \`height\`, with \`clip\` for a box that extends beyond the picture;
- the largest part with an \`aspect_ratio\`, at \`position\`;
- a part of \`width\` × \`height\`, at \`position\`, which may be \`attention\` or \`entropy\`.`,
  params: CropParams.properties,

  needsStill: ({ position }) =>
    position !== undefined && isStrategy(position)
      ? `crop with position ${position} would cut each page at a different place`
      : undefined,

  validate: checkForm,
  canonicalize: ({ position, aspect_ratio, ...rest }) => ({
    ...rest,
    ...(aspect_ratio === undefined ? {} : { aspect_ratio: lowestTerms(aspect_ratio) }),
    ...(isBox(rest) ? {} : { position: position ?? 'center' }),
  }),
  sizedBy: () => 'width',
  measure: (size, params, at) => {
    const { width, height } = partOf(size, params, at);
    return { width, height };
  },
  compile(params, { size, at }) {
    const { strategy, ...box } = partOf(size, params, at);
    if (strategy === undefined) return (image) => image.extract(box);
    // `withoutReduction` keeps the scale, so that `cover` only cuts.
    const { width, height } = box;
    return (image) =>
      image.resize({ width, height, fit: 'cover', position: strategy, withoutReduction: true });
  },
});

function isBox({ left, top }: Pick<CropParams, 'left' | 'top'>): boolean {
  return left !== undefined || top !== undefined;
}

function checkForm(params: CropParams, report: Report): void {
  const { aspect_ratio, clip } = params;
  const needs = (names: readonly (keyof CropParams)[], form: string) => {
    for (const name of names) if (params[name] === undefined) report(name, `a value (${form})`, undefined);
  };
  const excludes = (names: readonly (keyof CropParams)[], others: string) => {
    for (const name of names) {
      if (params[name] !== undefined) report(name, `nothing, because ${others} given,`, params[name]);
    }
  };

  if (isBox(params) && aspect_ratio === undefined) {
    needs(['left', 'top', 'width', 'height'], 'a box needs left, top, width and height');
    excludes(['position'], 'left and top are');
    return;
  }
  if (aspect_ratio !== undefined) {
    excludes(['left', 'top', 'width', 'height'], 'aspect_ratio is');
  } else if (params.width === undefined && params.height === undefined) {
    report('width', 'a box (left, top, width, height), an aspect_ratio, or a width and a height', undefined);
    return;
  } else {
    needs(['width', 'height'], 'width and height belong together');
  }
  if (clip) report('clip', 'false without a box (left, top, width, height)', clip);
}

interface Part extends Box {
  /** How the place is found if it depends on the pixels; `left` and `top` are then 0. */
  strategy?: Strategy;
}

/** The part of a picture that the parameters name. */
function partOf(size: Size, params: CropParams, at: At): Part {
  const { left = 0, top = 0, width = 0, height = 0, aspect_ratio, position = 'center', clip } = params;
  if (isBox(params)) {
    const box = { left, top, width, height };
    return clip ? clippedBox(size, box, at) : wholeBox(size, box, at);
  }
  const wanted = aspect_ratio === undefined ? { width, height } : largestPart(size, aspect_ratio);
  checkSides(wanted, size, at);
  return isStrategy(position)
    ? { ...wanted, left: 0, top: 0, strategy: position }
    : { ...wanted, ...placeByGravity(size, wanted, position) };
}

function wholeBox(size: Size, box: Box, at: At): Box {
  const edges = [
    ['left', box.left, size.width - 1],
    ['top', box.top, size.height - 1],
    ['width', box.width, size.width - box.left],
    ['height', box.height, size.height - box.top],
  ] as const;
  for (const [name, value, most] of edges) {
    const least = name === 'left' || name === 'top' ? 0 : 1;
    if (value < least || value > most) {
      throw parameterError(
        at(name),
        `an integer from ${least} to ${most} in the ${size.width}×${size.height} picture (clip=true cuts the box to the picture)`,
        value,
      );
    }
  }
  return box;
}

function clippedBox(size: Size, box: Box, at: At): Box {
  const clipped = clipBox(box, size);
  if (clipped.width >= 1 && clipped.height >= 1) return clipped;
  const edge = clipped.width < 1 ? 'left' : 'top';
  throw parameterError(at(edge), `a box that overlaps the ${size.width}×${size.height} picture`, box[edge]);
}

function largestPart(size: Size, aspectRatio: string): Size {
  const [x, y] = termsOf(aspectRatio);
  const width = Math.min(size.width, Math.round((size.height * x) / y));
  const height = Math.min(size.height, Math.round((size.width * y) / x));
  return { width: Math.max(1, width), height: Math.max(1, height) };
}

function termsOf(ratio: string): [number, number] {
  const [x = 1, y = 1] = ratio.split(':').map(Number);
  return [x, y];
}

function lowestTerms(ratio: string): string {
  const [x, y] = termsOf(ratio);
  const divisor = greatestCommonDivisor(x, y);
  return `${x / divisor}:${y / divisor}`;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
