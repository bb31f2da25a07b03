import { type Static, type TObject, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { parameterError, Words } from '../../core/faults.ts';
import { IntegerEnum, ObjectWithDefaults, SchemaRef, StringEnum } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';
import type { Picture } from '../labels/picture.ts';
import { MAX_SEGMENTS, Point } from '../labels/segment.ts';

export interface MethodInput {
  /** The picture that the method works on: `original` itself or a reduced copy. */
  picture: Picture;
  /** The picture at full size. */
  original: Picture;
  /** Fully transparent pixels (1) of `picture`, to be left out; null if there is no such pixel. */
  hidden: Uint8Array | null;
}

export const Found = Type.Object(
  {
    thresholds: Type.Optional(
      Type.Array(Type.Integer(), { description: 'Thresholds; a pixel above one belongs to the next class.' }),
    ),
    centers: Type.Optional(
      Type.Array(
        Type.Object(
          {
            label: Type.Integer({ description: 'The class.' }),
            color: Type.String({ description: 'Nearest sRGB colour, `#rrggbb`.' }),
            values: Type.Array(Type.Number(), { description: 'The centre in the colour space used.' }),
          },
          { additionalProperties: false },
        ),
        { description: 'Cluster centres, from dark to light.' },
      ),
    ),
    compactness: Type.Optional(
      Type.Number({ description: 'Sum of squared distances to the cluster centres.' }),
    ),
    iterations: Type.Optional(Type.Integer({ description: 'Number of rounds that were run.' })),
    color: Type.Optional(Type.String({ description: 'The colour that was looked for, `#rrggbb`.' })),
    markers: Type.Optional(Type.Integer({ description: 'Number of objects that had a marker.' })),
    working_size: Type.Optional(
      Type.Object(
        { width: Type.Integer(), height: Type.Integer() },
        { additionalProperties: false, description: 'Size of the reduced copy.' },
      ),
    ),
  },
  {
    $id: 'SegmentationFindings',
    additionalProperties: false,
    description: 'What the method found: thresholds, centres and other values.',
  },
);
export type Found = Static<typeof Found>;

type Classes = Uint8Array | Int32Array;

export interface Classification {
  /** Class of each pixel of `picture`, or of `original` if `isFullSize`. */
  classes: Classes;
  found: Found;
  isFullSize?: boolean;
}

const radius = (description: string) => Type.Integer({ description, default: 0, minimum: 0, maximum: 1000 });

/** The parameters that every method has. */
const common = {
  page: Type.Integer({
    description: 'Page of an animation or a TIFF, counted from 0.',
    default: 0,
    minimum: 0,
    maximum: 100_000,
  }),
  working_size: Type.Optional(
    Type.Integer({
      description:
        'Longest side, in pixels, of a reduced copy that the method works on; the label map still has the full size. Default: the full size (grabcut: 640).',
      minimum: 16,
      maximum: 65_535,
    }),
  ),
  open: radius('Radius, in pixels, of a morphological opening by a disc: removes specks and thin bridges.'),
  close: radius(
    'Radius, in pixels, of a morphological closing by a disc, after the opening: closes cracks and small holes.',
  ),
  fill_holes: Type.Boolean({
    description: 'Fill background that a single class encloses with that class.',
    default: false,
  }),
  segments: Type.Optional(
    StringEnum(['components', 'classes'], {
      description:
        'components: each connected region is a segment; classes: each class is one segment, however scattered. Default: components for two classes, else classes.',
    }),
  ),
  connectivity: IntegerEnum([4, 8], {
    description: 'Whether pixels that touch only at a corner are connected (8) or not (4).',
    default: 8,
  }),
  min_area: Type.Integer({
    description: 'Connected regions of fewer pixels become background.',
    default: 1,
    minimum: 1,
    maximum: 1_000_000_000,
  }),
  max_segments: Type.Integer({
    description: 'Maximum number of segments; the smallest ones beyond it become background and are counted.',
    default: MAX_SEGMENTS,
    minimum: 1,
    maximum: MAX_SEGMENTS,
  }),
};

/** The method of parameters that do not name one. */
export const DEFAULT_METHOD = 'otsu';

/** The schema of a method's parameters: its own, then those that all methods have. */
export function methodParams<const Name extends string, Own extends TProperties>(
  method: Name,
  title: string,
  description: string,
  own: Own,
) {
  return ObjectWithDefaults(
    { method: Type.Literal(method, { description: 'The method.' }), ...own, ...common },
    { $id: `${title}SegmentationParams`, title, description },
  );
}

export const level = (description: string) => Type.Integer({ description, minimum: 0, maximum: 255 });

export const invert = Type.Boolean({ description: 'Swap foreground and background.', default: false });

export const points = (description: string) =>
  Type.Array(SchemaRef(Point), { description, default: [], maxItems: 10_000 });

/**
 * A way to give each pixel a class; 0 is background. Its functions get parameters that fit its schema; all but
 * `defaults` and `check` get only parameters that passed `check`.
 */
export interface Method<Schema extends TObject = TObject, Params = Static<Schema>> {
  params: Schema;
  /** Named schemas that the parameters refer to, besides `Point` and `Box`. */
  schemas?: readonly TSchema[];
  /** Defaults that depend on the other parameters. */
  defaults?(params: Params): { segments?: 'components' | 'classes'; working_size?: number };
  /** @throws AppError `validation_failed` for parameters that do not fit together */
  check?(params: Params): void;
  /** Whether it takes no longer than storing and reading a label map. */
  isQuick?(params: Params): boolean;
  /** @throws AppError `validation_failed` for coordinates outside the picture */
  checkCoordinates?(params: Params, size: Size): void;
  /**
   * @param size of the picture that the method works on
   * @throws AppError `validation_failed` for parameters that would take too much time or memory at this size
   */
  checkSize?(params: Params, size: Size): void;
  classify(input: MethodInput, params: Params): Classification | Promise<Classification>;
}

/** Opening and closing need one foreground; for several classes, the result would depend on their order. */
export function refuseMorphology(params: { method: string; open: number; close: number }): void {
  for (const name of ['open', 'close'] as const) {
    if (params[name] > 0) {
      throw parameterError(
        `/${name}`,
        `0, because ${params.method} gives more than two classes,`,
        params[name],
      );
    }
  }
}

/** @throws AppError `validation_failed` for a point outside the picture */
export function checkPoint(path: string, { x, y }: Point, { width, height }: Size): void {
  if (x < width && y < height) return;
  throw parameterError(path, `a pixel of the ${width}×${height} picture`, new Words(`(${x}, ${y})`));
}

/** @throws AppError `validation_failed` for the first point outside the picture */
export function checkPoints(path: string, given: readonly Point[], size: Size): void {
  for (const [i, point] of given.entries()) checkPoint(`${path}/${i}`, point, size);
}

/** The pixel of `picture` that a pixel of `original` lies in. */
export function scalePoint({ x, y }: Point, { picture, original }: MethodInput): Point {
  return {
    x: Math.min(picture.width - 1, Math.floor(((x + 0.5) * picture.width) / original.width)),
    y: Math.min(picture.height - 1, Math.floor(((y + 0.5) * picture.height) / original.height)),
  };
}

/** A map of `picture` at the size of `original`. */
export function enlarge<M extends Classes>(map: M, input: MethodInput): M {
  const { width, height } = input.original;
  const size = width * height;
  const out = (map instanceof Uint8Array ? new Uint8Array(size) : new Int32Array(size)) as M;
  const columns = Int32Array.from({ length: width }, (_, x) => scalePoint({ x, y: 0 }, input).x);
  for (let y = 0, i = 0; y < height; y++) {
    const row = scalePoint({ x: 0, y }, input).y * input.picture.width;
    for (let x = 0; x < width; x++, i++) out[i] = map[row + (columns[x] as number)] as number;
  }
  return out;
}

/** Foreground (1) is above the threshold, or not above it if inverted. */
export function aboveThreshold(plane: Uint8Array, threshold: number, invert: boolean): Uint8Array {
  const classes = new Uint8Array(plane.length);
  const flip = invert ? 1 : 0;
  // The sign bit of the difference: a branch would often be mispredicted on noisy levels.
  for (let i = 0; i < plane.length; i++) classes[i] = ((threshold - (plane[i] as number)) >>> 31) ^ flip;
  return classes;
}
