import { type Static, Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { StringEnum } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';
import { type At, defineOperation, type ParameterFault } from './operation.ts';
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

const CropParams = Type.Object({
  left: Type.Optional(
    Type.Integer({
      description: 'Left edge of the box, in pixels from the left.',
      minimum: -MAX_SIDE,
      maximum: MAX_SIDE,
      examples: [10],
    }),
  ),
  top: Type.Optional(
    Type.Integer({
      description: 'Top edge of the box, in pixels from the top.',
      minimum: -MAX_SIDE,
      maximum: MAX_SIDE,
      examples: [20],
    }),
  ),
  width: Type.Optional(
    Type.Integer({ description: 'Width in pixels.', minimum: 1, maximum: MAX_SIDE, examples: [320] }),
  ),
  height: Type.Optional(
    Type.Integer({ description: 'Height in pixels.', minimum: 1, maximum: MAX_SIDE, examples: [240] }),
  ),
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
        'What is kept, where no box is given: a compass point (`center` by default), `attention` (the part that draws the eye) or `entropy` (the part with most detail).',
      examples: ['attention'],
    }),
  ),
  clip: Type.Boolean({
    description: 'Cut the box to the picture instead of refusing one that juts out.',
    default: false,
    examples: [true],
  }),
});

type CropParams = Static<typeof CropParams>;

export const crop = defineOperation({
  name: 'crop',
  summary: 'Cuts a part out of the picture.',
  description:
    'One of three forms: a box (`left`, `top`, `width`, `height`; with `clip`, what juts out of the picture is left off instead of refused); ' +
    'the largest part with an `aspect_ratio`, kept at `position`; or a part of `width` × `height` kept at `position`, which may be `attention` or `entropy`.',
  params: CropParams.properties,

  needsStill: ({ position }) =>
    position !== undefined && isStrategy(position)
      ? `crop with position ${position} would cut each frame elsewhere`
      : undefined,

  validate: faultsOf,
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
    // Without reduction nothing is scaled, so that `cover` only cuts.
    const { width, height } = box;
    return (image) =>
      image.resize({ width, height, fit: 'cover', position: strategy, withoutReduction: true });
  },
});

function isBox({ left, top }: Pick<CropParams, 'left' | 'top'>): boolean {
  return left !== undefined || top !== undefined;
}

function faultsOf(params: CropParams): ParameterFault[] {
  const { aspect_ratio, clip } = params;
  const missing = (names: readonly (keyof CropParams)[], form: string): ParameterFault[] =>
    names
      .filter((name) => params[name] === undefined)
      .map((name) => ({ parameter: name, expected: `a value (${form})`, received: undefined }));
  const excess = (names: readonly (keyof CropParams)[], form: string): ParameterFault[] =>
    names
      .filter((name) => params[name] !== undefined)
      .map((name) => ({
        parameter: name,
        expected: `no value together with ${form}`,
        received: params[name],
      }));

  if (isBox(params) && aspect_ratio === undefined) {
    return [
      ...missing(['left', 'top', 'width', 'height'], 'a box needs left, top, width and height'),
      ...excess(['position'], 'left and top'),
    ];
  }
  const unclipped = clip
    ? [{ parameter: 'clip', expected: 'false without a box (left, top, width, height)', received: clip }]
    : [];
  if (aspect_ratio !== undefined) {
    return [...excess(['left', 'top', 'width', 'height'], 'aspect_ratio'), ...unclipped];
  }
  if (params.width === undefined && params.height === undefined) {
    const expected = 'a box (left, top, width, height), an aspect_ratio, or a width and a height';
    return [{ parameter: 'width', expected, received: undefined }];
  }
  return [...missing(['width', 'height'], 'width and height go together'), ...unclipped];
}

interface Part extends Box {
  /** How the place is found if the pixels tell; `left` and `top` are 0 then. */
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
        `an integer from ${least} to ${most} in a picture of ${size.width}×${size.height} (clip=true cuts the box to the picture)`,
        value,
      );
    }
  }
  return box;
}

function clippedBox(size: Size, box: Box, at: At): Box {
  const clipped = clipBox(box, size);
  if (clipped.width < 1 || clipped.height < 1) {
    const side = clipped.width < 1 ? 'left' : 'top';
    throw parameterError(
      at(side),
      `a box that overlaps the picture of ${size.width}×${size.height}`,
      box[side],
    );
  }
  return clipped;
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
