import type { BlobRegistry } from '../blobs/postgres/blob-registry.ts';
import type { AppError } from '../core/errors.ts';
import type { Database } from '../db/database.ts';
import { DeferredJobs, DeferredUploads } from './queue/deferred-jobs.ts';
import type { ClaimedItem, ItemResult, Lane } from './queue/job.ts';
import { JobSignals } from './queue/job-signals.ts';
import { JobStore } from './queue/job-store.ts';
import { type ItemHandler, type ItemOutcome, LaneWorker, type WorkerLog } from './queue/lane-worker.ts';
import { Maintenance } from './queue/maintenance.ts';
import { WorkQueue } from './queue/work-queue.ts';
import type { JobSettings } from './settings.ts';

/** How the items of a lane are worked on. */
export interface LaneOptions {
  handle: ItemHandler<ClaimedItem, ItemResult>;
  /** Maximum number of items at the same time; 0 leaves the lane to other processes. */
  concurrency: number;
  /** Whether an attempt that runs when the process stops is ended instead of awaited. */
  abandonsAtStop: boolean;
}

export interface JobsOptions {
  database: Database;
  blobs: BlobRegistry;
  settings: JobSettings;
  /** Called with the SHA-256 of bytes that may be gone. */
  forget(sha256s: readonly Buffer[]): void;
  translate(error: unknown): AppError | undefined;
  observe(outcome: ItemOutcome, item: ClaimedItem, seconds: number): void;
  log: WorkerLog;
}

/** Jobs, and this process's part in working on them. */
export type Jobs = ReturnType<typeof openJobs>;

/** Opens jobs. No item is worked on before `work` is called. */
export function openJobs({ database, blobs, settings, forget, ...shared }: JobsOptions) {
  const signals = new JobSignals(database.changes);
  const queue = new WorkQueue(database, blobs);
  const store = new JobStore({ database, blobs, expireAfter: settings.JOB_EXPIRE_SECONDS });
  const leaseSeconds = settings.JOB_LEASE_SECONDS;
  const deferral = new DeferredJobs(store, signals);
  const workers: LaneWorker<ClaimedItem, ItemResult>[] = [];
  const maintenance = new Maintenance({
    queue,
    leaseSeconds,
    retentionSeconds: settings.JOB_RETENTION_SECONDS,
    forget,
    log: shared.log,
  });
  return {
    signals,
    maxStreams: settings.EVENT_STREAMS,
    queue,
    store,
    deferral,
    uploadDeferral: new DeferredUploads(store, deferral),
    /** Begins to work on the items of a lane. */
    work(lane: Lane, { concurrency, ...options }: LaneOptions): void {
      if (concurrency === 0) return;
      workers.push(
        new LaneWorker({ lane, concurrency, leaseSeconds, queue, signals, ...shared, ...options }),
      );
    },
    /** Claims nothing more. */
    stop(): void {
      for (const worker of workers) worker.stop();
    },
    /** This process's places, by lane. */
    stats: () => workers.map((worker) => worker.stats()),
    /** How many expired leases this process has given back. */
    expiredLeases: () => maintenance.expiredLeases,
    async close(): Promise<void> {
      await Promise.all(workers.map((worker) => worker.close()));
      await maintenance.close();
      await signals.close();
    },
  };
}
