import type { Static, TObject, TSchema } from '@sinclair/typebox';
import type { ImageLimits, Size } from '../pictures/types.ts';
import type { Input, InputFiles, InputPart, StoredRef } from './inputs.ts';
import type { OperationRoute, StoredPartRoute, ViewRoute } from './routes.ts';

/**
 * The types of all operations by name. Each `operation.ts` adds its own (declaration merging), and `src/operations.ts` does not
 * compile until it lists all of them.
 */
// biome-ignore lint/suspicious/noEmptyInterface: operations add their types to it
export interface Operations {}

/** The input of a task: files by path, parameters and limits, and nothing else. */
export interface Task<Params = object> {
  /** One per input, in order; a single one for all frame sets. */
  inputs: readonly InputFiles[];
  params: Params;
  limits: ImageLimits;
  /** Path for the result. Only this attempt uses it. */
  outputPath: string;
  /** Path for the result's document. */
  documentPath: string;
}

/** A file that a task has written. */
export interface WrittenFile {
  /** Hexadecimal SHA-256 of its bytes. */
  sha256: string;
  /** Bytes. */
  size: number;
}

/** The outcome of a task. */
export interface Outcome<Result = object> {
  /** The file at `outputPath`. */
  content?: WrittenFile;
  /** The file at `documentPath`. */
  document?: WrittenFile;
  /** The facts about the result that are known without its bytes. */
  result: Result;
}

/** Runs one attempt in the current process. */
export type RunTask<Params = object, Result = object> = {
  // Methods are bivariant, so that an operation with specific parameters is assignable to `Operation`.
  run(task: Task<Params>): Promise<Outcome<Result>>;
}['run'];

/** The facts that complete parameters. */
export interface Facts {
  subject: Input;
  /** The media types that the client accepts, most preferred first. Empty if they do not matter. */
  accepts: () => readonly string[];
  /** Called with the path of each parameter that is dropped, because the request allows that and it does not apply. */
  ignore: (path: string) => void;
}

/** An input that parameters name. */
export interface NamedInput {
  ref: StoredRef;
  /** JSON Pointer to the parameter that names it. */
  path: string;
  kind: InputKind;
}

/** What an artifact is. A form shows a mask or a histogram. */
export const ARTIFACT_KINDS = ['picture', 'histogram', 'mask', 'form'] as const;
export type ArtifactKind = (typeof ARTIFACT_KINDS)[number];

/** The kind that an input must have. A mask is also a picture: its label map. */
export type InputKind = 'picture' | 'histogram' | 'mask' | 'frame_set' | 'staged_file';

/** A file that an operation writes. */
export interface FileKind {
  filename: string;
  mediaType: string;
}

/** Describes an operation that shows the stored result of another one. */
export interface View extends ViewRoute {
  of: Operation;
  shortcut?: Shortcut;
}

/** Makes a view from the subject of the operation that it shows. It is taken if what is shown is not stored. */
export interface Shortcut {
  operation: Operation;
  /**
   * @param shown complete parameters of the operation that is shown
   * @param own parameters of the view
   * @returns the parameters of the shortcut's operation; undefined if it would not be faster
   */
  paramsFor(shown: object, own: object): object | undefined;
}

/** Something that can be computed. Methods get complete parameters unless stated otherwise. */
export interface Operation<Params extends object = object, Result extends object = object> {
  name: string;
  /** Raised when the same parameters give a different result than before. */
  version: number;
  /** The parameters, with their defaults. */
  params: TSchema;
  /** The facts about a result that are known without its bytes. */
  result: TObject;
  /** The kind of the first input. */
  subject: InputKind;
  /** The parts of the subject and of the other inputs that the task reads. By default the bytes. */
  reads: { subject: readonly InputPart[]; others: readonly InputPart[] };
  /** The other inputs. */
  inputs(params: Params, subject: Input): NamedInput[];
  /**
   * Completes parameters, with the same spelling for all that mean the same.
   *
   * @param given matches `params`
   * @throws AppError `validation_failed` with every fault that can be found without reading the bytes
   */
  canonicalize(given: unknown, facts: Facts): Params;
  /** Adds to the parameters what the result shows of the inputs besides their bytes: a name, which can change. */
  addFacts(params: Params, inputs: readonly Input[]): Params;
  /** The kind of artifact that the result is stored as; null if it is not stored. */
  stores: ArtifactKind | null;
  /** The file that it writes. Without this method, there is only the result. */
  makes?(subject: Input, params: Params): FileKind;
  /** The name of the document that belongs to a file with this name. */
  documentName?(filename: string): string;
  routes: readonly OperationRoute[];
  /** Routes to the parts of the stored result. */
  parts: readonly StoredPartRoute[];
  /** Set if it shows the stored result of another operation. */
  view: View | null;
  /** Its name in metrics; the number of different names must be small. By default its own name. */
  label(params: Params): string;
  /**
   * Estimated milliseconds of work of one core, so that cheap work need not wait for expensive work. By default, those of decoding all
   * inputs.
   */
  cost(params: Params, inputs: readonly Input[]): number;
  /** Whether it takes less time than a message to another process, and does not read untrusted bytes. */
  isLight(params: Params): boolean;
  /** Loads its code in the process that runs it: the API process never loads native code. */
  load(): Promise<RunTask<Params, Result>>;
}

/** Milliseconds to decode a million pixels of a JPEG file. */
const DECODE_MS = 5;
/** Of an input whose size is not known. */
export const USUAL_SIZE: Size = { width: 2000, height: 2000 };

/** Estimated milliseconds to decode an input. */
export function decodeCost(input: Input | undefined): number {
  return 1 + DECODE_MS * megapixels(input?.dimensions);
}

/** Width times height in millions. */
export function megapixels(size: Size | null | undefined): number {
  const { width, height } = size ?? USUAL_SIZE;
  return (width * height) / 1e6;
}

const DEFAULTS = {
  reads: { subject: ['content'], others: ['content'] },
  inputs: () => [],
  // Parameters that match the schema, with its defaults filled in, are complete.
  canonicalize: (given: unknown) => given as object,
  addFacts: (params: object) => params,
  stores: null,
  routes: [],
  parts: [],
  view: null,
  cost: (_params: object, inputs: readonly Input[]) =>
    inputs.reduce((sum, input) => sum + decodeCost(input), 0),
  isLight: () => false,
} satisfies Partial<Operation>;

type Defaulted = keyof typeof DEFAULTS | 'label';

type TypedOperation<Params extends TSchema, Result extends TObject> = Operation<
  Static<Params> & object,
  Static<Result>
>;

type Definition<Name extends string, Params extends TSchema, Result extends TObject> = {
  name: Name;
  params: Params;
  result: Result;
} & Omit<TypedOperation<Params, Result>, Defaulted | 'name' | 'params' | 'result'> &
  Partial<Pick<TypedOperation<Params, Result>, Defaulted>>;

/** Completes the definition of an operation with defaults. */
export function defineOperation<const Name extends string, Params extends TSchema, Result extends TObject>(
  definition: Definition<Name, Params, Result>,
): TypedOperation<Params, Result> & { name: Name } {
  return { ...DEFAULTS, label: () => definition.name, ...definition };
}
