import { type Static, type TObject, type TProperties, Type } from '@sinclair/typebox';
import type { Sharp } from 'sharp';
import { ObjectWithDefaults } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';

/** A JSON Pointer to a parameter of the operation at hand, for faults. `at('')` is the operation itself. */
export type At = (parameter: string) => string;

/** Reports a fault of one parameter, worded as by `mismatch`. */
export type Report = (parameter: string, expected: string, received: unknown) => void;

/** Another image or artifact that an operation needs. */
export type Reference = { image_id: string } | { artifact_id: string };

/** The one key of a reference, to compare it with others. */
export function referenceKey(reference: Reference): string {
  return 'image_id' in reference ? `image:${reference.image_id}` : `artifact:${reference.artifact_id}`;
}

/** What an operation is told about the picture that it is compiled for. */
export interface CompileContext {
  /** Size of one page of the picture before the operation. */
  size: Size;
  hasAlpha: boolean;
  at: At;
  /** Maximum pixels of anything that is made on the way. */
  maxPixels: number;
  /** Opens another input as a still, upright sRGB picture, under the same limits as the picture. */
  openInput(reference: Reference): Promise<{ image: Sharp; size: Size }>;
}

/** Adds one operation to a sharp pipeline that holds no other. */
export type Apply = (image: Sharp) => Sharp;

/**
 * One operation: its parameters as data, and what it does to a picture. Methods get parameters that fit the schema, with
 * every default filled in.
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
  /** Whether an animation keeps its pages and their times. */
  animated: boolean;
  /** Which parameters need a still picture although the operation is `animated`, and why. */
  needsStill?(params: Params): string | undefined;
  /** Whether it works on all pages of an animation at once, so that they stay alike, instead of on each page alone. */
  pagesTogether: boolean;
  /** Whether it works on the colours only and leaves the alpha channel as it is. */
  leavesAlpha: boolean;
  /** Whether it may give a picture without alpha an alpha channel. */
  addsAlpha(params: Params): boolean;
  /** Whether it keeps a grey picture grey, makes any picture grey, or gives a grey one colours. */
  grey(params: Params): 'keeps' | 'makes' | 'loses';
  /** The other pictures that it needs. */
  inputs(params: Params): Reference[];
  /** Reports the faults among the parameters that can be told without pixels. */
  validate(params: Params, report: Report): void;
  /** One spelling for parameters that mean the same. */
  canonicalize(params: Params): Params;
  /**
   * Size of a page after the operation; the largest possible one if only the pixels tell.
   *
   * @throws AppError `validation_failed` if the parameters do not fit a picture of this size
   */
  measure(size: Size, params: Params, at: At): Size;
  /** Whether only the pixels tell the size of the result. */
  dependsOnPixels: boolean;
  /** The parameter that makes the result large. */
  sizedBy(params: Params): string;
  compile(params: Params, context: CompileContext): Apply | Promise<Apply>;
}

/** By default, an operation works on one page after the other, and keeps the size, grey, and the alpha channel or its absence. */
const DEFAULTS = {
  description: '',
  animated: true,
  pagesTogether: false,
  leavesAlpha: false,
  dependsOnPixels: false,
  addsAlpha: () => false,
  grey: () => 'keeps' as const,
  inputs: () => [],
  validate: () => undefined,
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
  const { name, summary, description = '', params: properties } = definition;
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
