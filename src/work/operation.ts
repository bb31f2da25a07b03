import type { Static, TObject, TSchema } from '@sinclair/typebox';
import type { ImageLimits } from '../pictures/types.ts';
import type { Input, InputFiles, InputPart, StoredRef } from './inputs.ts';
import type { OperationRoute, StoredPartRoute, ViewRoute } from './routes.ts';

/**
 * Every operation by its name, for types. Each `operation.ts` adds its own (declaration merging), and `src/operations.ts` does
 * not compile until it lists all of them.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled where operations are defined
export interface Operations {}

/** What a task is given: files by path, parameters and limits, and nothing else. */
export interface Task<Params = object> {
  /** One for each input, in order; of frame sets, one for all. */
  inputs: readonly InputFiles[];
  params: Params;
  limits: ImageLimits;
  /** For the result. A path of this attempt alone. */
  outputPath: string;
  /** For JSON that goes with the result. */
  documentPath: string;
}

/** A file that a task has written. */
export interface WrittenFile {
  /** Hexadecimal SHA-256 of its bytes. */
  sha256: string;
  /** Bytes. */
  size: number;
}

/** What a task has done. */
export interface Outcome<Result = object> {
  /** What is at `outputPath`. */
  content?: WrittenFile;
  /** What is at `documentPath`. */
  document?: WrittenFile;
  /** What is known of the result without its bytes. */
  result: Result;
}

/** Does the work of one attempt, in whatever process it is loaded. */
export type RunTask<Params = object, Result = object> = {
  // A method's type, so that an operation of known parameters is one of any.
  run(task: Task<Params>): Promise<Outcome<Result>>;
}['run'];

/** What parameters are completed from. */
export interface Facts {
  /** What is worked on. */
  subject: Input;
  /** The media types that the client accepts, most preferred first; none if it does not matter. */
  accepts: () => readonly string[];
}

/** Another input that parameters name. */
export interface NamedInput {
  ref: StoredRef;
  /** JSON Pointer to the parameter that names it. */
  path: string;
  kind: InputKind;
}

/** What an input must be. A mask is a picture, too: its label map. */
export type InputKind = 'picture' | 'histogram' | 'mask' | 'frame_set' | 'staged_file';

/** A file that an operation makes. */
export interface FileKind {
  filename: string;
  mediaType: string;
}

/** An operation as a view of what another one stores. */
export interface View extends ViewRoute {
  of: Operation;
}

/** One thing that can be computed. Methods get complete parameters unless they say otherwise. */
export interface Operation<Params extends object = object, Result extends object = object> {
  name: string;
  /** Raised when the same parameters give another result than before. */
  version: number;
  /** The parameters, with their defaults. */
  params: TSchema;
  /** What is known of a result without its bytes. */
  result: TObject;
  /** What is worked on: its first input. */
  subject: InputKind;
  /** The files that the task reads: of the subject, and of its other inputs. By default the bytes of each. */
  reads: { subject: readonly InputPart[]; others: readonly InputPart[] };
  /** The other inputs. */
  inputs(params: Params, subject: Input): NamedInput[];
  /**
   * One spelling for parameters that mean the same.
   *
   * @param given fits `params`
   * @throws AppError `validation_failed` with every fault that can be told without the bytes
   */
  canonicalize(given: unknown, facts: Facts): Params;
  /** The kind of artifact that the result is stored as; null if it is not stored. */
  stores: 'picture' | 'histogram' | 'mask' | null;
  /** The file that it makes. Without it, the result is all. */
  makes?(subject: Input, params: Params): FileKind;
  /** The name of the document that goes with a file of this name, if there is one. */
  documentName?(filename: string): string;
  routes: readonly OperationRoute[];
  /** Routes to the parts of what it stores, below `/artifacts/{id}`. */
  parts: readonly StoredPartRoute[];
  /** The routes to it, if it shows what another operation stores. */
  view: View | null;
  /** What metrics call it; few names. By default its own. */
  label(params: Params): string;
  /** Whether it takes less time than the way to another process, and reads no bytes of strangers. */
  isLight(params: Params): boolean;
  /** Loads the code that does it, in the process that does it: the API itself never loads native code. */
  load(): Promise<RunTask<Params, Result>>;
}

type Defaulted =
  | 'reads'
  | 'inputs'
  | 'canonicalize'
  | 'stores'
  | 'routes'
  | 'parts'
  | 'view'
  | 'label'
  | 'isLight';

type Definition<Name extends string, Params extends TSchema, Result extends TObject> = {
  name: Name;
  params: Params;
  result: Result;
} & Omit<Operation<Static<Params> & object, Static<Result>>, Defaulted | 'name' | 'params' | 'result'> &
  Partial<Pick<Operation<Static<Params> & object, Static<Result>>, Defaulted>>;

/** An operation from its definition. */
export function defineOperation<const Name extends string, Params extends TSchema, Result extends TObject>(
  definition: Definition<Name, Params, Result>,
): Operation<Static<Params> & object, Static<Result>> & { name: Name } {
  return {
    reads: { subject: ['content'], others: ['content'] },
    inputs: () => [],
    // What fits the schema, with the defaults of the schema filled in, is complete.
    canonicalize: (given) => given as Static<Params> & object,
    stores: null,
    routes: [],
    parts: [],
    view: null,
    label: () => definition.name,
    isLight: () => false,
    ...definition,
  };
}
