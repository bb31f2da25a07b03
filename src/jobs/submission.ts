import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { OwnerId } from '../auth/owner.ts';
import { AppError } from '../core/errors.ts';
import {
  counted,
  faultsError,
  MAX_LISTED,
  parameterError,
  parameterFault,
  relocatedError,
  relocatedFault,
  Words,
} from '../core/faults.ts';
import type { Maker, PlannedWork } from '../work/make.ts';
import type { Operation } from '../work/operation.ts';
import type { Work } from '../work/work.ts';
import { type BatchOperation, batchOperations } from './batch-operations.ts';
import type { Job } from './queue/job.ts';
import type { JobStore } from './queue/job-store.ts';
import type { JobEstimate, JobRequest } from './request-schemas.ts';

/** Images of one format and size. */
interface ImageGroup {
  format: string;
  width: number;
  height: number;
  count: number;
  /** The id of one of them. */
  id: string;
}

/** What a job must know of images. Their slice gives it, because this folder may not import it. */
interface JobImages {
  select(owner: OwnerId, filter: object, limit: number): Promise<string[]>;
  missing(
    owner: OwnerId,
    ids: readonly string[],
    limit: number,
  ): Promise<{ places: number[]; total: number }>;
  measure(owner: OwnerId, ids: readonly string[]): Promise<ImageGroup[]>;
}

interface MadeArtifacts {
  countMade(
    owner: OwnerId,
    work: Pick<Work, 'operation' | 'version' | 'params'>,
    images: { format: string; ids: readonly string[] },
  ): Promise<number>;
}

export interface SubmissionOptions {
  operations: Iterable<Operation>;
  images: JobImages;
  artifacts: MadeArtifacts;
  maker: Maker;
  store: JobStore;
  /** Number of items that this process works on at the same time. */
  places: number;
  maxItems: number;
}

/** Who submits a job, and how. */
export interface Submitter {
  owner: OwnerId;
  apiKeyId: string | null;
  requestId: string;
  idempotencyKey: string | undefined;
  /** The media types that the client accepts. Called only if they matter. */
  accepts: () => readonly string[];
}

/** Requests for jobs on many images: checks what can be checked at once, then submits or estimates them. */
export class Submissions {
  readonly operations: ReadonlyMap<string, BatchOperation>;
  readonly maxItems: number;
  readonly #options: SubmissionOptions;

  constructor(options: SubmissionOptions) {
    this.operations = batchOperations(options.operations);
    this.maxItems = options.maxItems;
    this.#options = options;
  }

  /**
   * Stores a job.
   *
   * @returns the earlier job, if the idempotency key was used before
   * @throws AppError `validation_failed` if an image is missing, or the parameters do not suit the first image; `conflict` if the
   *   idempotency key was used for another request
   */
  async submit(request: JobRequest, submitter: Submitter): Promise<{ job: Job; isNew: boolean }> {
    const { owner, apiKeyId, requestId, idempotencyKey: key } = submitter;
    const { store } = this.#options;
    requireOneSelection(request);
    const idempotency = key === undefined ? null : { key, requestHash: hashOf(request) };
    // The images of a repeated request may be gone.
    const repeated = idempotency && (await store.findRepeated(owner, idempotency));
    if (repeated) return { job: repeated, isNew: false };
    const ids = await this.#idsOf(owner, request);
    let accepted: readonly string[] = [];
    const accepts = () => {
      accepted = submitter.accepts();
      return accepted;
    };
    await this.#plan(owner, request, ids[0] ?? '', accepts);
    return store.create(owner, {
      lane: 'images',
      operation: request.operation,
      parameters: request.parameters ?? {},
      priority: request.priority,
      retention: 'kept',
      accepts: accepted,
      apiKeyId,
      requestId,
      inputs: { type: 'image', ids },
      idempotency,
    });
  }

  /**
   * What a job would work on, and roughly how long it would take.
   *
   * @throws AppError as `submit`
   */
  async estimate(owner: OwnerId, request: JobRequest, accepts: Submitter['accepts']): Promise<JobEstimate> {
    const { images, artifacts, places } = this.#options;
    requireOneSelection(request);
    const ids = await this.#idsOf(owner, request);
    await this.#plan(owner, request, ids[0] ?? '', accepts);
    const byFormat = Map.groupBy(await images.measure(owner, ids), ({ format }) => format);
    let existing = 0;
    let milliseconds = 0;
    for (const [format, groups] of byFormat) {
      const work = await this.#planIfPossible(owner, request, groups[0]?.id ?? '', accepts);
      if (work === undefined) continue;
      const made = await artifacts.countMade(owner, work, { format, ids });
      const count = sum(groups, (group) => group.count);
      existing += made;
      milliseconds += this.#costOf(work, request, groups) * (1 - made / count);
    }
    const groups = [...byFormat.values()].flat();
    return {
      operation: request.operation,
      images: sum(groups, ({ count }) => count),
      existing,
      pixels: sum(groups, ({ count, width, height }) => count * width * height),
      estimated_seconds: Math.round(milliseconds / places) / 1000,
    };
  }

  /** The ids of the images, in the order of the items. */
  async #idsOf(owner: OwnerId, { image_ids: given, filter }: JobRequest): Promise<string[]> {
    const { images, maxItems } = this.#options;
    if (given !== undefined) {
      const ids = given.map((id) => id.toLowerCase());
      requireDifferent(ids);
      const { places, total } = await images.missing(owner, ids, MAX_LISTED);
      if (total === 0) return ids;
      const listed = places.map((place) =>
        parameterFault(`/image_ids/${place}`, 'the id of one of your images', ids[place]),
      );
      throw faultsError({ listed, total });
    }
    const ids = await images.select(owner, filter ?? {}, maxItems + 1);
    if (ids.length >= 1 && ids.length <= maxItems) return ids;
    const found = ids.length === 0 ? 'one that selects none' : 'one that selects more';
    throw parameterError(
      '/filter',
      `a filter that selects 1 to ${counted(maxItems, 'image')}`,
      new Words(found),
    );
  }

  /** Plans the work on one of the images. Its faults have the paths of the request. */
  async #plan(
    owner: OwnerId,
    { operation: name, parameters = {} }: JobRequest,
    id: string,
    accepts: Submitter['accepts'],
  ): Promise<PlannedWork> {
    const { operation, post } = this.#operationOf(name);
    try {
      const given = post.form.read({ ...parameters });
      return await this.#options.maker.plan(owner, operation, { type: 'image', id }, given, { accepts });
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found')
        throw new AppError('conflict', `The image ${id} has been deleted in the meantime; try again.`);
      throw relocatedError(error, (fault) =>
        relocatedFault(fault, `/parameters${post.form.locate(fault.path)}`),
      );
    }
  }

  /** The same; undefined if the parameters do not suit the image, so that its item would fail at once. */
  async #planIfPossible(
    ...planned: [owner: OwnerId, request: JobRequest, id: string, accepts: Submitter['accepts']]
  ): Promise<PlannedWork | undefined> {
    return this.#plan(...planned).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'validation_failed') return undefined;
      throw error;
    });
  }

  /** Estimated milliseconds of work of one core on images of the same format. */
  #costOf(
    { params, found = [] }: PlannedWork,
    { operation: name }: JobRequest,
    groups: readonly ImageGroup[],
  ): number {
    const { operation } = this.#operationOf(name);
    const [subject, ...others] = found;
    if (subject === undefined) return 0;
    return sum(groups, ({ count, width, height }) => {
      const inputs = [{ ...subject, dimensions: { width, height } }, ...others];
      return count * operation.cost(params, inputs);
    });
  }

  #operationOf(name: string): BatchOperation {
    const found = this.operations.get(name);
    if (found === undefined) throw new Error(`There is no operation ${name} for jobs.`);
    return found;
  }
}

const sum = <T>(values: readonly T[], numberOf: (value: T) => number): number =>
  values.reduce((total, value) => total + numberOf(value), 0);

/** @throws AppError `validation_failed` unless the request says in exactly one way which images are meant */
function requireOneSelection({ image_ids: ids, filter }: JobRequest): void {
  if (ids === undefined && filter === undefined)
    throw parameterError('/image_ids', 'a list of ids, or a filter,', undefined);
  if (ids !== undefined && filter !== undefined)
    throw parameterError('/filter', 'nothing, because image_ids is given,', filter);
}

/** @throws AppError `validation_failed` at every id that has come before */
function requireDifferent(ids: readonly string[]): void {
  const known = new Set<string>();
  const repeated = ids.flatMap((id, place) => {
    if (known.has(id)) return [place];
    known.add(id);
    return [];
  });
  if (repeated.length === 0) return;
  const listed = repeated
    .slice(0, MAX_LISTED)
    .map((place) =>
      parameterFault(`/image_ids/${place}`, 'a value that differs from all previous items', ids[place]),
    );
  throw faultsError({ listed, total: repeated.length });
}

/** SHA-256 of a request: equal requests have the same, however their JSON is written. */
function hashOf({ image_ids: ids = [], ...request }: JobRequest): Buffer {
  const text = canonicalize(request);
  if (text === undefined) throw new TypeError('The request is not JSON.');
  // Canonical JSON of a long list takes much longer.
  return createHash('sha256').update(`${text}\n${ids.join().toLowerCase()}`).digest();
}
