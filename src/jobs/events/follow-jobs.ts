import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnerId } from '../../auth/owner.ts';
import { toAppError } from '../../db/database.ts';
import { ChangedJobs } from '../queue/changed-jobs.ts';
import type { Job } from '../queue/job.ts';
import type { JobSignals } from '../queue/job-signals.ts';
import { type JobStore, MAX_FOLLOWED } from '../queue/job-store.ts';

/** Snapshots of one job are at least this long apart, so that changes come together. */
const MIN_INTERVAL_MS = 100;
/** Ends that are reported again after a gap, because clocks and transactions overlap. */
const OVERLAP_MS = 10_000;

interface FollowServices {
  store: JobStore;
  signals: JobSignals;
}

/**
 * The latest snapshot of a job, now and whenever it has changed, at most ten times a second. The last one is that of the job that has
 * ended; undefined if it was deleted.
 */
export async function* followJob(
  { store, signals }: FollowServices,
  owner: OwnerId,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Job | undefined, void, undefined> {
  const changes = new ChangedJobs(signals, id);
  let version = -1;
  try {
    for (;;) {
      await changes.next(signal);
      if (signal.aborted) return;
      const found = await read(() => store.getAll([owner], [id]));
      if (found === undefined) {
        await changes.failed(signal);
        continue;
      }
      const [job] = found;
      if (job === undefined) {
        yield undefined;
        return;
      }
      if (job.version !== version) yield job;
      version = job.version;
      if (job.endedAt !== null) return;
      await sleep(MIN_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    changes.end();
  }
}

/** What has happened to a job of an owner. */
export interface FollowedChange {
  id: string;
  /** Undefined if it was deleted. */
  job: Job | undefined;
  /** Everything that ended before this time was reported before. */
  seenUntil: Date;
}

/**
 * The latest snapshots of an owner's jobs: first of those that have not ended, then of each one that has changed, at most ten times a
 * second.
 *
 * @param since also of those that have ended since then
 */
export async function* followJobs(
  { store, signals }: FollowServices,
  owner: OwnerId,
  since: Date | undefined,
  signal: AbortSignal,
): AsyncGenerator<FollowedChange, void, undefined> {
  const changes = new ChangedJobs(signals);
  const versions = new Map<string, number>();
  let seenUntil = since;
  try {
    while (!signal.aborted) {
      const ids = await changes.next(signal);
      if (signal.aborted) return;
      const endedSince = seenUntil && new Date(seenUntil.getTime() - OVERLAP_MS);
      const jobs = await read(() =>
        ids === undefined ? store.following(owner, endedSince) : store.getAll([owner], ids),
      );
      if (jobs === undefined) {
        await changes.failed(signal);
        continue;
      }
      // A client that leaves between two of these has not seen the rest.
      const before = seenUntil ?? jobs[0]?.readAt ?? new Date();
      for (const job of jobs) {
        if (versions.get(job.id) !== job.version) yield { id: job.id, job, seenUntil: before };
        versions.set(job.id, job.version);
      }
      const found = new Set(jobs.map(({ id }) => id));
      for (const id of ids ?? []) {
        // Those of others have no version here.
        if (!found.has(id) && versions.delete(id)) yield { id, job: undefined, seenUntil: before };
      }
      const lastEnd = jobs.at(-1)?.endedAt;
      if (ids === undefined && jobs.length === MAX_FOLLOWED && lastEnd) {
        seenUntil = new Date(lastEnd.getTime() + OVERLAP_MS);
        changes.doubt();
      } else {
        seenUntil = jobs[0]?.readAt ?? before;
      }
      forgetOldest(versions);
      await sleep(MIN_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    changes.end();
  }
}

/** Versions that are remembered so that a snapshot is not sent twice. */
const MAX_VERSIONS = 10_000;

function forgetOldest(versions: Map<string, number>): void {
  for (const id of versions.keys()) {
    if (versions.size <= MAX_VERSIONS) return;
    versions.delete(id);
  }
}

/** @returns undefined while the database is away */
async function read(query: () => Promise<Job[]>): Promise<Job[] | undefined> {
  try {
    return await query();
  } catch (error) {
    if (toAppError(error)?.code === 'database_unavailable') return undefined;
    throw error;
  }
}
