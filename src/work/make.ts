import type { OwnerId } from '../auth/owner.ts';
import type { BlobRef } from '../blobs/blob-store.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import { AppError } from '../core/errors.ts';
import { parameterError, Words } from '../core/faults.ts';
import { removeFile } from '../system/remove-file.ts';
import { toStorageError } from '../system/storage-errors.ts';
import type { TemporaryFolder } from '../system/temporary-folder.ts';
import type { Artifact, NewArtifact, Retention } from './artifact.ts';
import type { Input, InputRef, Inputs, StoredRef } from './inputs.ts';
import { type ReadInput, withParts } from './open-files.ts';
import type {
  ArtifactKind,
  Facts,
  FileKind,
  InputKind,
  NamedInput,
  Operation,
  Outcome,
  WrittenFile,
} from './operation.ts';
import type { Runner } from './runner.ts';
import { SingleFlight } from './single-flight.ts';
import { type Work, workKey } from './work.ts';

interface MakerLog {
  debug(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** Stores artifacts. A method that takes an owner sees only that owner's artifacts. */
export interface ArtifactRepository {
  findByKey(owner: OwnerId, key: Buffer): Promise<Artifact | undefined>;
  create(owner: OwnerId, artifact: NewArtifact): Promise<MadeArtifact>;
  /** False if it has been removed in the meantime. */
  keep(owner: OwnerId, id: string): Promise<boolean>;
  noteUse(artifact: Artifact, log: MakerLog): void;
  evictCached(maxBytes: number): Promise<Buffer[]>;
}

export interface MakerServices {
  operations: ReadonlyMap<string, Operation>;
  inputs: Inputs;
  runner: Runner;
  artifacts: ArtifactRepository;
  /** Pictures are written here, and every result is moved here. */
  diskCache: DiskCache;
  /** Other results and documents are written here before they are stored. */
  documentFolder: TemporaryFolder;
  /** Maximum bytes in the database for artifacts made by GET. */
  cacheBytes: number;
  log: MakerLog;
}

/** Work, with its inputs if they have already been found. */
export interface PlannedWork extends Work {
  found?: readonly Input[];
}

export interface MakeOptions {
  retention: Retention;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

/** Work that was done elsewhere: its outcome, and the files that it has written. They must be on the disk of `documentFolder`. */
export interface DoneWork {
  outcome: Outcome;
  outputPath: string;
  documentPath: string;
}

export interface MadeArtifact {
  artifact: Artifact;
  isNew: boolean;
}

/** A computed file that is not stored. The caller must remove it. */
export interface ComputedFile extends FileKind {
  path: string;
  /** Bytes. */
  size: number;
  remove(): Promise<void>;
}

/** The inputs of work that was run, and the file that it makes. */
interface FoundRun {
  file: FileKind | undefined;
  inputs: readonly Input[];
}

/** Minimum interval between two evictions. */
const EVICTION_INTERVAL_MS = 10_000;

/**
 * Makes the result of work: finds the stored artifact, joins a running computation, or computes and stores the result. Owners never
 * share a key or a computation.
 */
export class Maker {
  readonly #services: MakerServices;
  readonly #flights = new SingleFlight<MadeArtifact>();
  /** When the next eviction may start, by `performance.now()`. */
  #evictsAt = 0;

  constructor(services: MakerServices) {
    this.#services = services;
  }

  /**
   * Plans the work of an operation on one of the owner's resources.
   *
   * @param given matches the parameters of the operation
   * @param asked what else the client has asked for
   * @throws AppError `not_found` if the subject does not exist; `validation_failed` with the paths of the parameters, if the subject
   *   has the wrong kind, or a named input does not belong to the owner
   */
  async plan(
    owner: OwnerId,
    operation: Operation,
    ref: InputRef,
    given: unknown,
    asked: Partial<Omit<Facts, 'subject'>> = {},
  ): Promise<PlannedWork> {
    const subject = await this.#services.inputs.find(owner, ref);
    requireKind(subject, operation.subject);
    const { accepts = () => [], ignore = () => undefined } = asked;
    const complete = operation.canonicalize(given, { subject, accepts, ignore });
    const named = operation.inputs(complete, subject);
    const others = await Promise.all(named.map((input) => this.#findNamed(owner, input)));
    const found = [subject, ...others];
    const params = operation.addFacts(complete, found);
    const { name, version } = operation;
    return { operation: name, version, inputs: found.map((input) => input.ref), params, found };
  }

  /** Whether the artifact of planned work is stored. */
  async isStored(owner: OwnerId, work: PlannedWork): Promise<boolean> {
    return (await this.#services.artifacts.findByKey(owner, workKey(work))) !== undefined;
  }

  /**
   * Finds the artifact of planned work, and notes its use as `make` would.
   *
   * @returns undefined if it is not stored, or has just been evicted
   */
  async findMade(owner: OwnerId, work: PlannedWork, retention: Retention): Promise<MadeArtifact | undefined> {
    const { artifacts, log } = this.#services;
    const artifact = await artifacts.findByKey(owner, workKey(work));
    if (artifact === undefined) return undefined;
    artifacts.noteUse(artifact, log);
    if (retention === 'kept' && !(await artifacts.keep(owner, artifact.id))) return undefined;
    return { artifact, isNew: false };
  }

  /** What an attempt at planned work elsewhere needs to know of its inputs. */
  describe(work: PlannedWork): { inputs: ReadInput[]; cost: number } {
    const { found = [], params } = work;
    const operation = this.#operationOf(work);
    const { subject, others } = operation.reads;
    const inputs = found.map((input, index) => withParts(input, index === 0 ? subject : others));
    return { inputs, cost: operation.cost(params, found) };
  }

  /**
   * Stores the result of work that was done elsewhere. The caller removes files that are left.
   *
   * @throws AppError `not_found` if an input has been deleted in the meantime; what storing throws
   */
  async storeDone(owner: OwnerId, work: Work, done: DoneWork, retention: Retention): Promise<MadeArtifact> {
    const inputs = await this.#findInputs(owner, work);
    const file = this.#operationOf(work).makes?.(inputs[0], work.params);
    return this.#store(owner, workKey(work), work, { ...done, file, inputs }, retention);
  }

  /**
   * Finds or makes the artifact of work whose operation stores its result.
   *
   * @throws AppError what `Runner.run` throws, and `not_found` if an input has been deleted in the meantime
   */
  async make(owner: OwnerId, work: PlannedWork, options: MakeOptions): Promise<MadeArtifact> {
    const { artifacts, log } = this.#services;
    const key = workKey(work);
    // The lookup is shared, too: a separate lookup could miss the artifact just before it is stored, and return when the
    // computation that it should join has ended.
    const flight = this.#flights.run(`${owner}/${key.toString('hex')}`, options.signal, async (signal) => {
      const existing = await artifacts.findByKey(owner, key);
      if (!existing)
        return this.#withRoom((isRetry) => this.#makeNew(owner, key, work, { ...options, signal }, isRetry));
      artifacts.noteUse(existing, log);
      return { artifact: existing, isNew: false };
    });
    const made = await flight.catch((error: unknown) => {
      if (options.retention === 'cached' && error instanceof AppError && error.code === 'quota_exceeded')
        return undefined;
      throw error;
    });
    // It has joined a request that would have kept the artifact, which only that request may not do.
    if (made === undefined) return this.make(owner, work, options);
    const { artifact, isNew } = made;
    if (options.retention === 'cached' || artifact.retention === 'kept') return { artifact, isNew };
    if (await artifacts.keep(owner, artifact.id))
      return { artifact: { ...artifact, retention: 'kept' }, isNew };
    // It has just been evicted.
    return this.make(owner, work, options);
  }

  /**
   * Computes the file of work whose operation does not store it.
   *
   * @throws AppError as `make`
   */
  async compute(owner: OwnerId, work: PlannedWork, signal: AbortSignal): Promise<ComputedFile> {
    const path = this.#services.documentFolder.newPath();
    const { outcome, file } = await this.#withRoom(() => this.#run(owner, work, path, signal));
    const { size } = writtenBy(work, outcome);
    return { ...fileOf(work, file), path, size, remove: () => removeFile(path) };
  }

  /**
   * Computes the result of an operation that does not write a file.
   *
   * @param given matches the parameters of the operation
   * @throws AppError as `plan` and `make`
   */
  async resultOf<Result extends object>(
    owner: OwnerId,
    operation: Operation<object, Result>,
    ref: InputRef,
    given: object,
    signal: AbortSignal,
  ): Promise<Result> {
    const work = await this.plan(owner, operation, ref, given);
    const path = this.#services.documentFolder.newPath();
    const { outcome } = await this.#withRoom(() => this.#run(owner, work, path, signal));
    // The task of an operation returns the operation's type of result.
    return outcome.result as Result;
  }

  /** The name and type of the file that planned work will make. */
  fileOf(work: PlannedWork): FileKind {
    const [subject] = work.found ?? [];
    if (subject === undefined) throw new Error('The work was not planned here.');
    return fileOf(work, this.#operationOf(work).makes?.(subject, work.params));
  }

  /** @throws AppError `validation_failed` if the operation has not made the artifact */
  requireStoredBy({ stores }: Operation, { kind }: Artifact): void {
    if (stores !== null && kind !== stores) throw wrongKind(stores, kind);
  }

  /** Finds an input that a parameter names. If it is missing, that parameter is reported. */
  async #findNamed(owner: OwnerId, { ref, path, kind }: NamedInput): Promise<Input> {
    const input = await this.#services.inputs.find(owner, ref).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'not_found') return undefined;
      throw error;
    });
    if (input !== undefined && isOfKind(input, kind)) return input;
    throw parameterError(path, `the id of one of your ${PLURALS[kind]}`, ref.id);
  }

  async #makeNew(
    owner: OwnerId,
    key: Buffer,
    work: PlannedWork,
    { retention, signal }: MakeOptions,
    isRetry: boolean,
  ): Promise<MadeArtifact> {
    const { diskCache, documentFolder } = this.#services;
    const isForCache = this.#storedKind(work) === 'picture' && !isRetry;
    const outputPath = isForCache ? diskCache.newPath() : documentFolder.newPath();
    const documentPath = documentFolder.newPath();
    const run = await this.#run(owner, work, outputPath, signal, documentPath);
    return this.#store(owner, key, work, { ...run, outputPath, documentPath }, retention);
  }

  /** Stores a result, and removes its files unless the cache takes them over. */
  async #store(
    owner: OwnerId,
    key: Buffer,
    work: Work,
    { outcome, file, inputs, outputPath, documentPath }: DoneWork & FoundRun,
    retention: Retention,
  ): Promise<MadeArtifact> {
    const { artifacts, diskCache } = this.#services;
    const leftovers = new Set(outcome.document ? [outputPath, documentPath] : [outputPath]);
    try {
      const { filename, mediaType } = fileOf(work, file);
      const content = toBlobRef(writtenBy(work, outcome));
      const document = outcome.document ? toBlobRef(outcome.document) : null;
      const made = await artifacts.create(owner, {
        kind: this.#storedKind(work),
        operation: work.operation,
        version: work.version,
        parameters: work.params,
        inputs: inputs.map(({ ref }) => toStoredRef(ref)),
        key,
        filename,
        mediaType,
        result: outcome.result,
        retention,
        file: { path: outputPath, ...content, mediaType },
        document: document && { path: documentPath, ...document, mediaType: 'application/json' },
      });
      // If another process was faster and made different bytes, the files do not belong to the artifact.
      const adopt = async (path: string, { sha256, size }: BlobRef) => {
        if (await diskCache.adopt(path, sha256, size)) leftovers.delete(path);
      };
      if (made.artifact.sha256.equals(content.sha256)) await adopt(outputPath, content);
      if (document !== null && made.artifact.document?.sha256.equals(document.sha256))
        await adopt(documentPath, document);
      if (retention === 'cached') this.#scheduleEviction();
      return made;
    } finally {
      await Promise.all([...leftovers].map(removeFile));
    }
  }

  #storedKind(work: Work): ArtifactKind {
    const { stores } = this.#operationOf(work);
    if (stores === null) throw new Error(`${work.operation} does not store its result.`);
    return stores;
  }

  /** The inputs of work, the subject first. */
  async #findInputs(owner: OwnerId, { operation, inputs: refs }: Work): Promise<[Input, ...Input[]]> {
    const [subject, ...others] = await Promise.all(refs.map((ref) => this.#services.inputs.find(owner, ref)));
    if (subject === undefined) throw new Error(`The work of ${operation} has no inputs.`);
    return [subject, ...others];
  }

  /** Works again if a disk is full, after the cache has made room: the cache may be what has filled it. */
  async #withRoom<T>(work: (isRetry: boolean) => Promise<T>): Promise<T> {
    try {
      return await work(false);
    } catch (error) {
      if (!toStorageError(error)) throw error;
      await this.#services.diskCache.makeRoom();
      return work(true);
    }
  }

  /** Finds the inputs unless they are known, opens them and runs the work. */
  async #run(
    owner: OwnerId,
    work: PlannedWork,
    outputPath: string,
    signal: AbortSignal,
    documentPath = this.#services.documentFolder.newPath(),
  ): Promise<FoundRun & Pick<DoneWork, 'outcome'>> {
    const { runner, log } = this.#services;
    const operation = this.#operationOf(work);
    const { operation: name, version, inputs: refs, params, found } = work;
    const inputs = found ?? (await this.#findInputs(owner, work));
    const [subject] = inputs;
    if (subject === undefined) throw new Error('The work has no inputs.');
    requireKind(subject, operation.subject);
    const opened = await this.#services.inputs.open(inputs, {
      parts: inputs.map((_, index) => (index === 0 ? operation.reads.subject : operation.reads.others)),
      params,
      signal,
    });
    try {
      const cost = operation.cost(params, inputs);
      const files = { inputs: opened.files, outputPath, documentPath };
      const outcome = await runner.run(work, files, { cost, signal });
      return { outcome, file: operation.makes?.(subject, params), inputs };
    } catch (error) {
      if (!signal.aborted && isOurFailure(error))
        log.warn({ work: { operation: name, version, inputs: refs, params } }, 'work failed');
      throw error;
    } finally {
      opened.release();
    }
  }

  #operationOf({ operation: name, version }: Work): Operation {
    const operation = this.#services.operations.get(name);
    if (operation === undefined) throw new Error(`The operation ${name} does not exist.`);
    if (operation.version !== version)
      throw new Error(`${name} has version ${operation.version}, not ${version}.`);
    return operation;
  }

  #scheduleEviction(): void {
    const { log } = this.#services;
    if (performance.now() < this.#evictsAt) return;
    this.#evictsAt = Number.POSITIVE_INFINITY;
    this.#evict()
      .catch((err) => log.warn({ err }, 'eviction failed'))
      .finally(() => {
        this.#evictsAt = performance.now() + EVICTION_INTERVAL_MS;
      });
  }

  async #evict(): Promise<void> {
    const { artifacts, diskCache, cacheBytes, log } = this.#services;
    let evicted: Buffer[];
    do {
      evicted = await artifacts.evictCached(cacheBytes);
      for (const sha256 of evicted) diskCache.forget(sha256);
      if (evicted.length > 0) log.debug({ blobs: evicted.length }, 'evicted cached artifacts');
    } while (evicted.length > 0);
  }
}

/** Whether an operator will want to see the work in order to repeat it. */
function isOurFailure(error: unknown): boolean {
  if (!(error instanceof AppError)) return true;
  return ['internal_error', 'operation_timeout', 'memory_limit_exceeded', 'decoder_crashed'].includes(
    error.code,
  );
}

const PLURALS: Record<InputKind, string> = {
  picture: 'images or of an artifact that is a picture',
  histogram: 'histograms',
  mask: 'segmentation masks',
  frame_set: 'frame sets',
  staged_file: 'files',
};

const NAMES: Readonly<Record<string, string>> = {
  image: 'an image',
  picture: 'a picture',
  histogram: 'a histogram',
  mask: 'a segmentation mask',
  form: 'a form of a mask or a histogram',
  frame_set: 'a frame set',
  staged_file: 'a file',
};

function isOfKind(input: Input, kind: InputKind): boolean {
  return kind === 'picture' ? input.format !== null : input.kind === kind;
}

/** @throws AppError `validation_failed` at `id` */
function requireKind(input: Input, kind: InputKind): void {
  if (!isOfKind(input, kind)) throw wrongKind(kind, input.kind);
}

function wrongKind(expected: string, received: string): AppError {
  return parameterError('/id', `the id of ${NAMES[expected]}`, new Words(`that of ${NAMES[received]}`));
}

function writtenBy(work: Work, { content }: Outcome): WrittenFile {
  if (content === undefined) throw new Error(`${work.operation} did not write a file.`);
  return content;
}

function fileOf(work: Work, file: FileKind | undefined): FileKind {
  if (file === undefined) throw new Error(`${work.operation} does not write a file.`);
  return file;
}

function toBlobRef({ sha256, size }: WrittenFile): BlobRef {
  return { sha256: Buffer.from(sha256, 'hex'), size };
}

function toStoredRef(ref: InputRef): StoredRef {
  if (ref.type === 'image' || ref.type === 'artifact') return ref;
  throw new Error(`An artifact cannot name a ${ref.type}.`);
}
