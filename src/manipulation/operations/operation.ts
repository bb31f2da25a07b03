import { type Static, type TObject, type TProperties, Type } from '@sinclair/typebox';
import type { Sharp } from 'sharp';
import { ObjectWithDefaults } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';

/** A JSON Pointer to a parameter of the operation at hand, for faults. `at('')` is the operation itself. */
export type At = (parameter: string) => string;

/** What is wrong with one parameter, for `parameterFault`. */
export interface ParameterFault {
  parameter: string;
  expected: string;
  received: unknown;
}

/** Another image or artifact that an operation needs. */
export type Reference = { image_id: string } | { artifact_id: string };

/** The key of a reference in `TransformTask.inputs`. */
export function referenceKey(reference: Reference): string {
  return 'image_id' in reference ? `image:${reference.image_id}` : `artifact:${reference.artifact_id}`;
}

/** What an operation may know while it is made ready for a picture. */
export interface CompileContext {
  /** Of the picture before the operation (one frame of it). */
  size: Size;
  hasAlpha: boolean;
  at: At;
  /** Most pixels of anything that is made on the way. */
  maxPixels: number;
  /** Opens another input as a still sRGB picture, upright; it is decoded under the same limits as the picture. */
  openInput(reference: Reference): Promise<{ image: Sharp; size: Size }>;
}

/** Adds one operation to a sharp pipeline that holds no other. */
export type Apply = (image: Sharp) => Sharp;

/**
 * One operation: its parameters as data, and what it does to a picture. Methods get parameters that fit the schema
 * with every default filled in.
 */
export interface Operation<Name extends string, Params> {
  name: Name;
  /** One line, for the docs. */
  summary: string;
  /** Markdown, for the docs. */
  description: string;
  /** The parameters alone. */
  params: TObject;
  /** The parameters with `op`, a shared schema by its `$id`. */
  step: TObject;
  /** Whether an animation keeps its frames and their times. */
  animated: boolean;
  /** Which parameters need a still picture although the operation is `animated`, and why. */
  needsStill?(params: Params): string | undefined;
  /** Looks at all frames of an animation at once, so that they stay alike; else each frame is a picture of its own. */
  framesTogether: boolean;
  /** Works on the colours alone and leaves the alpha channel as it is. */
  leavesAlpha: boolean;
  /** Whether it may give a picture without alpha an alpha channel. */
  addsAlpha(params: Params): boolean;
  /** What becomes of a picture in shades of grey, or to any picture. */
  grey(params: Params): 'keeps' | 'makes' | 'loses';
  /** The other pictures that it needs. */
  inputs(params: Params): Reference[];
  /** Faults among the parameters that can be told without pixels. */
  validate(params: Params): ParameterFault[];
  /** One spelling for parameters that mean the same. */
  canonicalize(params: Params): Params;
  /**
   * Size of a frame after the operation; the largest possible one if only the pixels tell.
   *
   * @throws AppError `validation_failed` if the parameters do not fit a picture of this size
   */
  measure(size: Size, params: Params, at: At): Size;
  /** The parameter that makes the result large. */
  sizedBy(params: Params): string;
  compile(params: Params, context: CompileContext): Apply | Promise<Apply>;
}

/**
 * What an operation does unless it says otherwise: it keeps animations, frame by frame, the size, the alpha channel or the lack of
 * it, and grey.
 */
const DEFAULTS = {
  animated: true,
  framesTogether: false,
  leavesAlpha: false,
  addsAlpha: () => false,
  grey: () => 'keeps' as const,
  inputs: () => [],
  validate: () => [],
  canonicalize: <Params>(given: Params) => given,
  measure: (size: Size) => size,
  sizedBy: () => '',
};

type Definition<Name extends string, Properties extends TProperties> = Omit<
  Operation<Name, Static<TObject<Properties>>>,
  keyof typeof DEFAULTS | 'params' | 'step'
> &
  Partial<Pick<Operation<Name, Static<TObject<Properties>>>, keyof typeof DEFAULTS>> & { params: Properties };

/** An operation from its definition. */
export function defineOperation<const Name extends string, Properties extends TProperties>(
  definition: Definition<Name, Properties>,
) {
  const { name, summary, description, params: properties } = definition;
  const title = titleOf(name);
  const params = ObjectWithDefaults(properties, { title: `${title} parameters`, description });
  const op = Type.Literal(name, { description: 'The operation.' });
  const step = ObjectWithDefaults(
    { op, ...properties },
    { $id: `${title}Operation`, title, description: `${summary} ${description}`.trim() },
  );
  return { ...DEFAULTS, ...definition, params, step };
}

/** The name with a capital letter. */
export function titleOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The pointer to a parameter of the operation at a place in the pipeline. */
export function pointerAt(index: number): At {
  return (parameter) => (parameter === '' ? `/operations/${index}` : `/operations/${index}/${parameter}`);
}
