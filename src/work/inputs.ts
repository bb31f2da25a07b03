import type { OwnerId } from '../auth/owner.ts';
import type { BlobRef } from '../blobs/blob-store.ts';
import type { ImageFormat } from '../pictures/formats.ts';
import type { Size } from '../pictures/types.ts';

/** An input with its own row, which an artifact can name. */
export type StoredRef = { type: 'image'; id: string } | { type: 'artifact'; id: string };

/** An input of work. A staged file is in a temporary folder of this process: an upload that has not been checked yet. */
export type InputRef =
  | StoredRef
  | { type: 'frame_set'; id: string }
  | { type: 'staged_file'; path: string; format: ImageFormat };

/** The files of an input: its bytes, and the JSON that belongs to them. */
export type InputPart = 'content' | 'document';

/** The facts about an owner's input that are known without reading its bytes. */
export interface Input {
  ref: InputRef;
  /** `image`, `frame_set`, `staged_file`, or the kind of the artifact. */
  kind: string;
  /** The format of its bytes; null if they are not a picture. */
  format: ImageFormat | null;
  filename: string;
  /** Size of its picture; null if it is not known, or if it is not a picture. */
  dimensions: Size | null;
  content: BlobRef | null;
  document: BlobRef | null;
  /** The work that made it, if it is an artifact. */
  origin: { inputs: readonly StoredRef[]; parameters: object } | null;
}

/** An input as local files. */
export interface InputFiles {
  path: string | null;
  documentPath: string | null;
  format: ImageFormat | null;
  filename: string;
}

/** Inputs as local files, which are kept until they are released. */
export interface OpenedInputs {
  files: InputFiles[];
  release(): void;
}

export interface OpenOptions {
  /** For each input, the files to open. */
  parts: readonly (readonly InputPart[])[];
  /** The parameters of the work. */
  params: object;
  /** Aborted when nobody waits for the work. */
  signal: AbortSignal;
}

/** Finds and opens inputs of one or several types. */
export interface InputSource<Ref extends InputRef = InputRef> {
  /** @throws AppError `not_found` if it does not exist or belongs to another owner */
  find(owner: OwnerId, ref: Ref): Promise<Input>;
  /**
   * Opens all inputs as local files.
   *
   * @throws AppError `not_found` if one has been deleted in the meantime; then none is open
   */
  open(inputs: readonly Input[], options: OpenOptions): Promise<OpenedInputs>;
}

type InputSources = { [Type in InputRef['type']]: InputSource<Extract<InputRef, { type: Type }>> };

/** Finds and opens inputs of every type by their sources. */
export class Inputs implements InputSource {
  readonly #sources: InputSources;

  constructor(sources: InputSources) {
    this.#sources = sources;
  }

  async find(owner: OwnerId, ref: InputRef): Promise<Input> {
    return this.#sourceOf(ref).find(owner, ref);
  }

  async open(inputs: readonly Input[], options: OpenOptions): Promise<OpenedInputs> {
    const [source, ...others] = new Set(inputs.map(({ ref }) => this.#sourceOf(ref)));
    if (source === undefined || others.length > 0)
      throw new Error('The inputs of the work come from several sources.');
    return source.open(inputs, options);
  }

  /** The type of the table guarantees that a source accepts the references of its type. */
  #sourceOf(ref: InputRef): InputSource {
    return this.#sources[ref.type] as InputSource;
  }
}
