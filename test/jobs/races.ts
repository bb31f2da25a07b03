import { setTimeout as sleep } from 'node:timers/promises';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { AppError } from '../../src/core/errors.ts';
import type { Job } from '../../src/jobs/queue/job.ts';
import type { JobStore } from '../../src/jobs/queue/job-store.ts';
import { eventually } from '../safety/processes.ts';
import { resizeJob } from './support.ts';

export interface RaceReport {
  succeeded: number;
  cancelled: number;
  /** What contradicts itself. */
  faults: string[];
}

/** Longer than most items take whose result exists. */
const FIRST_WINDOW_MS = 40;

/** Cancels jobs with one item at about the moment when they end. Two at a time, so that processes work on both. */
export async function observeRaces({
  store,
  imageIds,
  races,
}: {
  store: JobStore;
  imageIds: readonly string[];
  races: number;
}): Promise<RaceReport> {
  const report: RaceReport = { succeeded: 0, cancelled: 0, faults: [] };
  let windowMs = FIRST_WINDOW_MS;
  const race = async () => {
    const { job } = await store.create(LOCAL_OWNER, resizeJob(imageIds));
    if (windowMs > 1) await sleep(Math.random() * windowMs);
    const isRefused = await cancel(store, job.id);
    const last = await lastOf(store, job.id);
    const fault = await faultOf(store, last, isRefused);
    if (fault !== undefined) report.faults.push(`${job.id}: ${fault}`);
    if (last.state === 'cancelled') report.cancelled += 1;
    else report.succeeded += 1;
    // The median should be near the end, on any machine.
    windowMs *= last.state === 'cancelled' ? 1.25 : 0.8;
  };
  const left = Array.from({ length: races }).values();
  await Promise.all(
    [1, 2].map(async () => {
      for (const _ of left) await race();
    }),
  );
  return report;
}

/** Whether it was refused, because the job had ended. */
async function cancel(store: JobStore, id: string): Promise<boolean> {
  try {
    await store.cancel(LOCAL_OWNER, id);
    return false;
  } catch (error) {
    if (error instanceof AppError && error.code === 'conflict') return true;
    throw error;
  }
}

async function lastOf(store: JobStore, id: string): Promise<Job> {
  await eventually(async () => (await store.get(LOCAL_OWNER, id)).endedAt !== null, 30_000);
  return store.get(LOCAL_OWNER, id);
}

async function faultOf(store: JobStore, job: Job, isRefused: boolean): Promise<string | undefined> {
  const { items } = await store.items(LOCAL_OWNER, job.id, { limit: 1 });
  const states = [job.state, items[0]?.state];
  const isOne =
    states.every((state) => state === 'succeeded') || states.every((state) => state === 'cancelled');
  if (!isOne) return `the job is ${states[0]}, its item ${states[1]}`;
  if (isRefused && job.state === 'cancelled') return 'it was cancelled, but the client was told otherwise';
  const { total, succeeded, cancelled, queued, running } = job;
  if (total !== 1 || succeeded + cancelled !== 1 || queued + running !== 0) return 'its counts are wrong';
  if (job.state === 'succeeded' && items[0]?.artifactId === null) return 'it has no result';
  const again = await store.get(LOCAL_OWNER, job.id);
  return again.state === job.state ? undefined : `it was ${job.state}, and is ${again.state}`;
}
