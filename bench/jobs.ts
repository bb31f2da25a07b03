import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { LOCAL_OWNER, type OwnerId } from '../src/auth/owner.ts';
import { BlobRegistry } from '../src/blobs/postgres/blob-registry.ts';
import { PostgresBlobStore } from '../src/blobs/postgres/postgres-blob-store.ts';
import { openDatabase } from '../src/db/database.ts';
import type { NewJob } from '../src/jobs/queue/job.ts';
import { JobStore } from '../src/jobs/queue/job-store.ts';
import { WorkQueue } from '../src/jobs/queue/work-queue.ts';
import type { Task } from './jobs.floor.ts';
import { compare, median } from './support/compare.ts';
import {
  copyPhoto,
  type JobAnswer,
  PHOTOS,
  runJob,
  secondsOf,
  send,
  uploadAll,
} from './support/photo-jobs.ts';
import type { BenchServer } from './support/server.ts';
import { onStage } from './support/stage.ts';
import type { Bench, Figure } from './support/types.ts';

const SLOTS = 2;
const ROUNDS = 4;
const WIDTH = 800;

/** The median time of its items from their starts to their ends, in milliseconds. */
async function medianItemMs({ url }: BenchServer, { id }: JobAnswer): Promise<number> {
  const { items } = await send<{ items: { started_at: string; ended_at: string }[] }>(
    `${url}/jobs/${id}/items?limit=500`,
    'GET',
  );
  return median(items.map((item) => Date.parse(item.ended_at) - Date.parse(item.started_at)));
}

/** The median of resizes of a small picture, one after the other, each to a width of its own, in milliseconds. */
async function smallResizeMs({ url }: BenchServer, id: string, firstWidth: number): Promise<number> {
  const times: number[] = [];
  for (let width = firstWidth; width < firstWidth + 40; width += 1) {
    const start = performance.now();
    await send(`${url}/images/${id}/resize`, 'POST', { width });
    times.push(performance.now() - start);
    await sleep(50);
  }
  return median(times);
}

async function besideJob(server: BenchServer, ids: readonly string[]): Promise<Figure[]> {
  const small = await uploadSmall(server);
  await smallResizeMs(server, small, 10);
  const alone = await smallResizeMs(server, small, 50);
  const job = runJob(server, ids, 655);
  await sleep(500);
  const beside = await smallResizeMs(server, small, 100);
  const itemMs = await medianItemMs(server, await job);
  return [
    { name: 'small_resize_alone_ms', what: 'a resize of 200×150 pixels', value: alone },
    {
      name: 'small_resize_beside_job_ms',
      what: `the same beside a job; limit: twice its time alone and one item of the job (${itemMs.toFixed(0)} ms)`,
      value: beside,
      limit: 2 * alone + itemMs,
    },
  ];
}

async function uploadSmall({ url }: BenchServer): Promise<string> {
  const picture = { width: 200, height: 150, channels: 3 as const, background: '#c8761b' };
  const bytes = await sharp({ create: picture }).png().toBuffer();
  const form = new FormData();
  form.append('files', new Blob([Uint8Array.from(bytes)]), 'small.png');
  const response = await fetch(`${url}/images`, { method: 'POST', body: form });
  const { results } = (await response.json()) as { results: { image: { id: string } }[] };
  return results[0]?.image.id ?? '';
}

async function listMs({ url }: BenchServer, list: string): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 100; count += 1) {
    const start = performance.now();
    await send(`${url}${list}`, 'GET');
    times.push(performance.now() - start);
  }
  return median(times);
}

const OWNERS = 1_000;
const ITEMS = 100_000;
const ENDED_JOBS = 10_000;

/** Measures the queue itself, with many owners and jobs in it. */
async function measureQueue(server: BenchServer): Promise<Figure[]> {
  const database = await openDatabase({ url: await server.databaseUrl(), poolSize: 2 });
  try {
    const { pool } = database;
    const blobs = new BlobRegistry(new PostgresBlobStore(pool));
    const store = new JobStore({ database, blobs, expireAfter: 3600 });
    const queue = new WorkQueue(database, blobs);
    // No worker takes pictures from this lane.
    const lane = 'image_logs';
    const newJob = (count: number): NewJob => ({
      lane,
      operation: 'resize',
      parameters: { width: WIDTH },
      priority: 'normal',
      retention: 'kept',
      accepts: [],
      apiKeyId: null,
      requestId: 'bench',
      inputs: { type: 'image', ids: Array.from({ length: count }, () => randomUUID()) },
      idempotency: null,
    });
    const lists = ['/jobs', '/images', '/artifacts'];
    const before = await Promise.all(lists.map((list) => listMs(server, list)));
    const large = newJob(ITEMS);
    const start = performance.now();
    await store.create(LOCAL_OWNER, large);
    const enqueueSeconds = (performance.now() - start) / 1000;
    const { rows: owners } = await pool.query<{ id: OwnerId }>(
      `INSERT INTO users (id, email, name, role) SELECT gen_random_uuid(), n || '@bench.example.org', 'bench', 'user'
       FROM generate_series(1, $1) n RETURNING id`,
      [OWNERS],
    );
    await pool.query(
      `WITH added AS (
         INSERT INTO jobs (id, owner_id, lane, operation, parameters, priority, retention, accepts, request_id, expires_at)
         SELECT gen_random_uuid(), ($1::uuid[])[1 + n % $2], $3, 'resize', '{}', 1, 'kept', '{}', '', now() + interval '1 day'
         FROM generate_series(1, $4) n RETURNING id
       ) INSERT INTO job_items (job_id, position, input_type, input_id, state)
         SELECT id, 0, 'image', gen_random_uuid(), 'queued' FROM added`,
      [owners.map(({ id }) => id), owners.length, lane, ENDED_JOBS],
    );
    await pool.query(
      `UPDATE job_items SET state = 'succeeded', ended_at = now() FROM jobs j WHERE j.id = job_id AND j.owner_id <> $1`,
      [LOCAL_OWNER],
    );
    for (const { id } of owners) await store.create(id, newJob(5));
    const claims: number[] = [];
    for (let count = 0; count < 1_000; count += 1) {
      const claimStart = performance.now();
      await queue.claim(lane, randomUUID(), 60, 'others');
      claims.push(performance.now() - claimStart);
    }
    const after = await Promise.all(lists.map((list) => listMs(server, list)));
    const slower = Math.max(...after.map((ms, index) => ms / (before[index] ?? Number.NaN)));
    return [
      { name: 'enqueue_100000_s', what: 'a job of 100,000 items is stored', value: enqueueSeconds },
      {
        name: 'claim_ms',
        what: '1,000 owners, 105,000 queued items and 10,000 ended jobs',
        value: median(claims),
        limit: 10,
      },
      {
        name: 'lists_slower',
        what: `GET of ${lists.join(', ')} with these jobs and before: the largest ratio of medians`,
        value: slower,
        limit: 1.5,
      },
    ];
  } finally {
    await database.close();
  }
}

/**
 * 500 resizes of photos (2725×2225 pixels) as one job that runs two at a time, against bare sharp with two at a time; then items whose
 * artifacts exist already, a resize beside a job, and the queue with 100,000 items in it.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const files = await copyPhoto(stage.folder);
    const server = await stage.startServer({
      IMAGE_CONCURRENCY: String(SLOTS + 1),
      JOB_CONCURRENCY: String(SLOTS),
    });
    const ids = await uploadAll(server.url, files);
    const floor = await stage.startWorker<Task, number>(new URL('jobs.floor.ts', import.meta.url));
    let width = WIDTH;
    const comparison = await compare({
      name: 'jobs',
      what: `${PHOTOS} photos 2725×2225 to width ${WIDTH} and less as one job, ${SLOTS} at a time; floor: bare sharp in one process`,
      ours: {
        run: async (count) => {
          width -= 1;
          return secondsOf(await runJob(server, ids.slice(0, count), width));
        },
        cpu: server.cpu,
      },
      floor: {
        run: (count) => floor.call({ files: files.slice(0, count), width, inFlight: SLOTS }),
        cpu: async () => ({ sharp: await floor.cpu() }),
      },
      count: PHOTOS,
      rounds: ROUNDS,
      caches: server.caches,
    });
    const again = await runJob(server, ids, width);
    const figures: Figure[] = [
      {
        name: 'empty_item_ms',
        what: 'from start to end of an item whose artifact exists',
        value: await medianItemMs(server, again),
        limit: 10,
      },
      { name: 'empty_items_per_s', what: 'such items of a job', value: PHOTOS / secondsOf(again) },
      ...(await besideJob(server, ids)),
      ...(await measureQueue(server)),
    ];
    return { comparisons: [comparison], figures };
  });
