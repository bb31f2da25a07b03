import type { OwnerId } from '../../auth/owner.ts';
import { AppError, ERROR_CODES } from '../../core/errors.ts';
import type {
  DeferredOutcome,
  DeferredRequest,
  DeferredUpload,
  DeferredUploadOutcome,
  RequestDeferral,
  UploadDeferral,
} from '../../work/deferred.ts';
import { ChangedJobs } from './changed-jobs.ts';
import { type JobItem, LOG_UPLOAD } from './job.ts';
import type { JobSignals } from './job-signals.ts';
import type { JobStore } from './job-store.ts';

/** Single requests as jobs with one item. They are urgent, because somebody waits for them. */
export class DeferredJobs implements RequestDeferral {
  readonly #store: JobStore;
  readonly #signals: JobSignals;

  constructor(store: JobStore, signals: JobSignals) {
    this.#store = store;
    this.#signals = signals;
  }

  async submit({ owner, route, ref, values, ...request }: DeferredRequest): Promise<string> {
    const { job } = await this.#store.create(owner, {
      ...request,
      lane: 'images',
      operation: route,
      parameters: values,
      priority: 'high',
      inputs: { type: ref.type, ids: [ref.id] },
      idempotency: null,
    });
    return job.id;
  }

  async outcome(
    owner: OwnerId,
    jobId: string,
    ms: number,
    signal: AbortSignal,
  ): Promise<DeferredOutcome | undefined> {
    const item = await this.ended(owner, jobId, ms, signal);
    if (item?.state !== 'succeeded' || item.artifactId === null) return undefined;
    return { artifactId: item.artifactId, isNew: item.isNew ?? false };
  }

  /**
   * Waits until the only item of a job has ended.
   *
   * @returns undefined if that takes too long
   * @throws AppError why it failed
   */
  async ended(owner: OwnerId, jobId: string, ms: number, signal: AbortSignal): Promise<JobItem | undefined> {
    const changes = new ChangedJobs(this.#signals, jobId);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
    try {
      for (;;) {
        await changes.next(limit);
        signal.throwIfAborted();
        const { items } = await this.#store.items(owner, jobId, { limit: 1 });
        const [item] = items;
        if (item?.state === 'failed') throw toError(item);
        if (item !== undefined && item.endedAt !== null) return item;
        if (limit.aborted) return undefined;
      }
    } finally {
      changes.end();
    }
  }
}

/** Uploaded image logs as jobs whose only item is the file. */
export class DeferredUploads implements UploadDeferral {
  readonly #store: JobStore;
  readonly #jobs: DeferredJobs;

  constructor(store: JobStore, jobs: DeferredJobs) {
    this.#store = store;
    this.#jobs = jobs;
  }

  async submit({ owner, file, ...request }: DeferredUpload): Promise<string> {
    const { job } = await this.#store.create(owner, {
      ...request,
      lane: 'image_logs',
      operation: LOG_UPLOAD,
      priority: 'high',
      retention: 'kept',
      accepts: [],
      inputs: { type: 'file', ...file },
      idempotency: null,
    });
    return job.id;
  }

  async outcome(
    owner: OwnerId,
    jobId: string,
    ms: number,
    signal: AbortSignal,
  ): Promise<DeferredUploadOutcome | undefined> {
    const item = await this.#jobs.ended(owner, jobId, ms, signal);
    if (item?.state !== 'succeeded' || item.frameSetId === null) return undefined;
    return { frameSetId: item.frameSetId, isNew: item.isNew ?? false };
  }
}

/** The failure as if the work had been done at once. */
function toError({ problem }: JobItem): AppError {
  const code = ERROR_CODES.find((known) => known === problem?.code) ?? 'internal_error';
  return new AppError(code, problem?.detail ?? 'The work failed.', { errors: problem?.errors ?? [] });
}
