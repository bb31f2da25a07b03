import type { OwnerId } from '../auth/owner.ts';
import type { BlobRef } from '../blobs/blob-store.ts';
import type { ImageFormat } from '../pictures/formats.ts';

/** An input that has a row of its own, so that an artifact can name it. */
export type StoredRef = { type: 'image'; id: string } | { type: 'artifact'; id: string };

/**
 * What work is done on. A staged file lies in a temporary folder of this process: what an upload has received and nobody
 * has checked yet.
 */
export type InputRef =
  | StoredRef
  | { type: 'frame_set'; id: string }
  | { type: 'staged_file'; path: string; format: ImageFormat };

/** The files that an input can have: its bytes, and the JSON that goes with them. */
export type InputPart = 'content' | 'document';

/** An input as its owner has it: what is known without reading its bytes. */
export interface Input {
  ref: InputRef;
  /** `image`, `frame_set`, `staged_file`, or the kind of the artifact. */
  kind: string;
  /** The format of its bytes; null if they are not a picture. */
  format: ImageFormat | null;
  filename: string;
  content: BlobRef | null;
  document: BlobRef | null;
  /** How it was made, if it is an artifact. */
  origin: { inputs: readonly StoredRef[]; parameters: object } | null;
}

/** An input as local files. */
export interface InputFiles {
  path: string | null;
  documentPath: string | null;
  format: ImageFormat | null;
  filename: string;
}

/** Inputs as local files, which stay where they are until they are released. */
export interface OpenedInputs {
  files: InputFiles[];
  release(): void;
}

export interface OpenOptions {
  /** Of each input, the files that are read; the others need not be there. */
  parts: readonly (readonly InputPart[])[];
  /** Of the operation that reads them. */
  params: object;
  /** Aborted when nobody waits for the work any more. */
  signal: AbortSignal;
}

/** Finds and opens inputs of one or several types. */
export interface InputSource<Ref extends InputRef = InputRef> {
  /** @throws AppError `not_found`, also for someone else's */
  find(owner: OwnerId, ref: Ref): Promise<Input>;
  /**
   * The inputs as local files, all or none of them.
   *
   * @throws AppError `not_found` if one has been deleted meanwhile
   */
  open(inputs: readonly Input[], options: OpenOptions): Promise<OpenedInputs>;
}

export type InputSources = { [Type in InputRef['type']]: InputSource<Extract<InputRef, { type: Type }>> };

/** Every type of input, each by the source that knows it. */
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
      throw new Error('Inputs of one work come from one source.');
    return source.open(inputs, options);
  }

  /** The table's type says that a source takes the references of its type. */
  #sourceOf(ref: InputRef): InputSource {
    return this.#sources[ref.type] as InputSource;
  }
}
