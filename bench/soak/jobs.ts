import { BlobRegistry } from '../../src/blobs/postgres/blob-registry.ts';
import { PostgresBlobStore } from '../../src/blobs/postgres/postgres-blob-store.ts';
import { openDatabase } from '../../src/db/database.ts';
import { JobStore } from '../../src/jobs/queue/job-store.ts';
import { observeKills } from '../../test/jobs/kills.ts';
import { observeJobOutage } from '../../test/jobs/outages.ts';
import { observeRaces } from '../../test/jobs/races.ts';
import { makePicture } from '../../test/jobs/support.ts';
import { signalTree } from '../../test/safety/outages.ts';
import { formOf } from '../support/form.ts';
import { type BenchServer, startServer } from '../support/server.ts';
import { onStage, type Stage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const ITEMS = 1_000;
const KILLS = 100;
const RACES = 1_000;
const OUTAGE_MS = 30_000;
const MAX_MS_UNTIL_UNDER_WAY = 30_000;

const SETTINGS = { IMAGE_CONCURRENCY: '3', JOB_CONCURRENCY: '2' };

async function uploadPictures({ url }: BenchServer, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const body = formOf('files', await makePicture(index), `picture-${index}.png`);
    const response = await fetch(`${url}/images`, { method: 'POST', body });
    const { results } = (await response.json()) as { results: { image: { id: string } }[] };
    ids.push(results[0]?.image.id ?? '');
  }
  return ids;
}

/** Kills of two processes on one database, and then cancels against ends. */
async function killAndRace(stage: Stage, failures: string[]): Promise<Record<string, number>> {
  const { url: DATABASE_URL, admin } = await stage.openDatabase();
  const start = (settings: Record<string, string> = {}) =>
    startServer(stage.folder, { ...SETTINGS, ...settings, DATABASE_URL });
  // It is not killed, and works on nothing.
  const front = await start({ JOB_CONCURRENCY: '0' });
  const database = await openDatabase({ url: DATABASE_URL, poolSize: 4 });
  try {
    const blobs = new BlobRegistry(new PostgresBlobStore(database.pool));
    const store = new JobStore({ database, blobs, expireAfter: 3600 });
    const imageIds = await uploadPictures(front, ITEMS);
    const report = await observeKills({
      store,
      imageIds,
      kills: KILLS,
      start,
      readContent: async (id) =>
        Buffer.from(await (await fetch(`${front.url}/artifacts/${id}/content`)).arrayBuffer()),
    });
    failures.push(...report.wrong);
    if (report.slowestMs > MAX_MS_UNTIL_UNDER_WAY)
      failures.push(`After a kill it took ${report.slowestMs} ms until all was begun again.`);
    const { rows } = await admin.query<{ artifacts: number; deaths: number }>(
      'SELECT (SELECT count(*)::int FROM artifacts) AS artifacts, (SELECT sum(deaths)::int FROM job_items) AS deaths',
    );
    const { artifacts = 0, deaths = 0 } = rows[0] ?? {};
    if (artifacts !== ITEMS) failures.push(`There are ${artifacts} results of ${ITEMS} items.`);

    const worker = await start();
    const races = await observeRaces({ store, imageIds: imageIds.slice(0, 1), races: RACES });
    failures.push(...races.faults);
    await worker.stop();
    return {
      kills: KILLS,
      succeeded: report.succeeded,
      repeated: report.repeated,
      deaths_while_alone: deaths,
      begun_again_ms: Math.round(report.slowestMs),
      races_succeeded: races.succeeded,
      races_cancelled: races.cancelled,
    };
  } finally {
    await database.close();
    await front.stop();
  }
}

/** The database hangs for longer than a lease while jobs are submitted and run. */
async function outlast(stage: Stage, failures: string[]): Promise<Record<string, number>> {
  const server = await stage.startServer(SETTINGS);
  const report = await observeJobOutage({
    port: server.port,
    databaseUrl: await server.databaseUrl(),
    imageIds: await uploadPictures(server, 4),
    durationMs: OUTAGE_MS,
    begin: () => signalTree(server.postgresPid, 'SIGSTOP'),
    end: () => signalTree(server.postgresPid, 'SIGCONT'),
  });
  const { submitted, succeeded, statuses, withoutRetryAfter, deaths } = report;
  if (succeeded !== submitted) failures.push(`${submitted - succeeded} of ${submitted} jobs are lost.`);
  if (statuses.some((status) => status !== 503)) failures.push(`Statuses: ${statuses}`);
  if (withoutRetryAfter > 0) failures.push(`${withoutRetryAfter} answers had no Retry-After.`);
  if (deaths > 0) failures.push(`${deaths} deaths were counted.`);
  return {
    outage_jobs: submitted,
    outage_refused: report.refused,
    outage_recovery_ms: Math.round(report.recoveryMs),
  };
}

/**
 * 1,000 items in 100 jobs on two API processes, of which a random one is killed while each job runs; a job with one item cancelled at
 * about the moment of its end, 1,000 times; and an outage of 30 s.
 */
export const soak: Soak = async () => {
  const failures: string[] = [];
  const killed = await onStage((stage) => killAndRace(stage, failures));
  const outlasted = await onStage((stage) => outlast(stage, failures));
  return { figures: { ...killed, ...outlasted }, failures };
};
