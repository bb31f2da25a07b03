import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import type { JobItem } from '../../src/jobs/queue/job.ts';
import type { JobStore } from '../../src/jobs/queue/job-store.ts';
import { eventually } from '../safety/processes.ts';
import { colorOf, RESIZED, resizeJob } from './support.ts';

export interface Killable {
  /** SIGKILL. */
  kill(): Promise<unknown>;
}

interface Kills {
  store: JobStore;
  /** Images as `uploadPictures` makes them, in this order. */
  imageIds: readonly string[];
  kills: number;
  /** Starts a process; it resolves once that works. */
  start(): Promise<Killable>;
  readContent(artifactId: string): Promise<Buffer>;
  /** Processes at the same time. By default 2. */
  processes?: number;
  /** Called after each kill, with its number from 0: something else may fail, too. */
  disturb?(kill: number): Promise<void>;
}

export interface KillReport {
  succeeded: number;
  /** Items that have not, or not with the picture that they should make. */
  wrong: string[];
  /** Items that were begun again. */
  repeated: number;
  /** From a kill until all that its process had begun was begun again, or had ended. */
  slowestMs: number;
}

const MAX_MS_UNTIL_KILL = 300;
const MAX_MS_AFTER_START = 500;

/** Submits jobs, and kills one of the processes that work on them at a random moment, again and again. */
export async function observeKills({
  store,
  imageIds,
  kills,
  start,
  readContent,
  processes: count = 2,
  disturb = async () => undefined,
}: Kills): Promise<KillReport> {
  const processes = await Promise.all(Array.from({ length: count }, start));
  const size = Math.ceil(imageIds.length / kills);
  const jobs: { id: string; ids: readonly string[]; first: number }[] = [];
  const restarts: Promise<number>[] = [];
  for (let first = 0; first < imageIds.length; first += size) {
    const ids = imageIds.slice(first, first + size);
    const { job } = await store.create(LOCAL_OWNER, resizeJob(ids));
    jobs.push({ id: job.id, ids, first });
    await sleep(Math.random() * MAX_MS_UNTIL_KILL);
    const victim = Math.floor(Math.random() * count);
    await processes[victim]?.kill();
    restarts.push(timeUntilBegunAgain(store, job.id));
    await disturb(jobs.length - 1);
    processes[victim] = await start();
    await sleep(Math.random() * MAX_MS_AFTER_START);
  }
  const slowestMs = Math.max(...(await Promise.all(restarts)));
  const haveEnded = async () => {
    const all = await store.getAll(
      [LOCAL_OWNER],
      jobs.map(({ id }) => id),
    );
    return all.every(({ endedAt }) => endedAt !== null);
  };
  await eventually(haveEnded, 180_000);
  for (const process of processes) await process.kill();

  const report: KillReport = { succeeded: 0, wrong: [], repeated: 0, slowestMs };
  for (const { id, ids, first } of jobs) {
    const { items } = await store.items(LOCAL_OWNER, id, { limit: size });
    for (const [index, item] of items.entries()) {
      if (item.attempt > 1) report.repeated += 1;
      const fault = await faultOf(item, ids[index], first + index, readContent);
      if (fault === undefined) report.succeeded += 1;
      else report.wrong.push(`${first + index}: ${fault}`);
    }
  }
  return report;
}

async function timeUntilBegunAgain(store: JobStore, id: string): Promise<number> {
  const start = performance.now();
  const read = async () => (await store.items(LOCAL_OWNER, id, { limit: 100 })).items;
  const begun = (await read()).filter(({ state }) => state === 'running');
  const areBegunAgain = async () => {
    const items = await read();
    return begun.every(({ position, attempt }) => {
      const item = items.find((found) => found.position === position);
      return item !== undefined && (item.endedAt !== null || item.attempt > attempt);
    });
  };
  await eventually(areBegunAgain, 60_000);
  return performance.now() - start;
}

/** What is wrong with an item that should have resized the picture with this number. */
async function faultOf(
  { state, problem, input, artifactId }: JobItem,
  imageId: string | undefined,
  index: number,
  readContent: Kills['readContent'],
): Promise<string | undefined> {
  if (state !== 'succeeded' || artifactId === null) return `${state} ${problem?.detail ?? ''}`;
  if (input.id !== imageId) return 'it has another input';
  const { data, info } = await sharp(await readContent(artifactId))
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.width !== RESIZED.width || info.height !== RESIZED.height) return `${info.width}×${info.height}`;
  const color = [...data.subarray(0, 3)].join();
  return color === colorOf(index).join() ? undefined : `its color is ${color}`;
}
