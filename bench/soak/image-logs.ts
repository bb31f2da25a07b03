import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { median } from '../support/compare.ts';
import { uploadImageLog, writeImageLog } from '../support/image-log.ts';
import { treeMemory } from '../support/processes.ts';
import type { BenchServer } from '../support/server.ts';
import { onStage, type TransferClient } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const ROWS = Number(process.env.SOAK_ROWS ?? 1_000_000);
const FEW_ROWS = 100_000;
const READERS = 100;
/** Bytes per second of a slow reader. */
const READER_RATE = 20_000;
const READING_MS = 15_000;
const MEGABYTE = 1_000_000;

/** Runs `work`; returns its result and the peak memory of our processes meanwhile, in MB over `idle`. */
async function watchMemory<T>(
  server: BenchServer,
  idle: number,
  work: () => Promise<T>,
): Promise<[T, number]> {
  let peak = 0;
  let isDone = false;
  const watching = (async () => {
    while (!isDone) {
      peak = Math.max(peak, (await treeMemory(server.pid)).total);
      await sleep(50);
    }
  })();
  const result = await work().finally(() => {
    isDone = true;
  });
  await watching;
  return [result, Math.round((peak - idle) / MEGABYTE)];
}

/** Opens readers that take an answer slowly, until the promise resolves. */
function readSlowly(port: number, target: string, until: Promise<void>): { cut: () => number } {
  let cut = 0;
  for (let reader = 0; reader < READERS; reader += 1) {
    const socket = connect({ port, host: '127.0.0.1' });
    let isOver = false;
    socket.write(`GET ${target} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!isOver) cut += 1;
    });
    let taken = 0;
    socket.on('data', (data) => {
      taken += data.length;
      if (taken < READER_RATE) return;
      socket.pause();
      setTimeout(() => socket.resume(), (1000 * taken) / READER_RATE);
      taken = 0;
    });
    void until.then(() => {
      isOver = true;
      socket.destroy();
    });
  }
  return { cut: () => cut };
}

/** Median time of small sequential requests, in milliseconds. */
async function measureOthers(
  client: TransferClient,
  server: BenchServer,
  frameSet: string,
  ms: number,
): Promise<number> {
  const times: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const target = `/frames?frame_set_id=${frameSet}&depth_min=9100&depth_max=9101`;
    times.push((await client.call({ port: server.port, path: target })).seconds * 1000);
    await sleep(20);
  }
  return median(times);
}

async function readWithOthers(
  admin: pg.Client,
  client: TransferClient,
  server: BenchServer,
  frameSet: string,
): Promise<{ alone: number; beside: number; busy: number; cut: number }> {
  const alone = await measureOthers(client, server, frameSet, 3_000);
  const { promise, resolve } = Promise.withResolvers<void>();
  const readers = readSlowly(server.port, `/frames?frame_set_id=${frameSet}`, promise);
  await sleep(3_000);
  const beside = await measureOthers(client, server, frameSet, READING_MS);
  const { rows } = await admin.query(
    `SELECT count(*)::int AS busy FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`,
  );
  const cut = readers.cut();
  resolve();
  return { alone, beside, busy: rows[0].busy, cut };
}

/** 100,000 frames in and out; a million rows in, and out as one picture; 100 slow readers. `SOAK_ROWS` sets fewer rows. */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const failures: string[] = [];
    const [large, small] = [path.join(stage.folder, 'large.csv'), path.join(stage.folder, 'small.csv')];
    await writeImageLog(large, ROWS);
    await writeImageLog(small, FEW_ROWS);
    const { url, admin } = await stage.openDatabase();
    const server = await stage.startServer({ DATABASE_URL: url });
    const client = await stage.startTransferClient();
    await sleep(2_000);
    const idle = (await treeMemory(server.pid)).total;
    const get = (target: string) => () => client.call({ port: server.port, path: target });
    const few = await uploadImageLog(client, server, small);
    const [, framesMemory] = await watchMemory(server, idle, get(`/frames?frame_set_id=${few.id}`));
    const [stored, ingestMemory] = await watchMemory(server, idle, () =>
      uploadImageLog(client, server, large),
    );
    const pictureOf = get(`/frames/picture?frame_set_id=${stored.id}&height=2000`);
    const [picture, pictureMemory] = await watchMemory(server, idle, pictureOf);
    const slow = await readWithOthers(admin, client, server, few.id);
    const figures = {
      ingest_seconds: stored.seconds,
      ingest_mb_over_idle: ingestMemory,
      picture_seconds: picture.seconds,
      picture_mb_over_idle: pictureMemory,
      frames_mb_over_idle: framesMemory,
      others_alone_ms: slow.alone,
      others_beside_readers_ms: slow.beside,
      busy_connections: slow.busy,
    };
    if (picture.status !== 200) failures.push(`the picture failed: ${picture.status}`);
    if (ingestMemory > 150) failures.push(`ingest took ${ingestMemory} MB over idle`);
    if (pictureMemory > 200) failures.push(`the picture took ${pictureMemory} MB over idle`);
    if (framesMemory > 100) failures.push(`frames took ${framesMemory} MB over idle`);
    if (picture.seconds > 3) failures.push(`the picture took ${picture.seconds.toFixed(2)} s`);
    if (slow.busy > 0) failures.push(`${slow.busy} database connections are held by slow readers`);
    if (slow.cut > 0) failures.push(`${slow.cut} slow readers were cut off`);
    if (slow.beside > 2 * slow.alone + 5) failures.push('other requests are slower beside slow readers');
    return { figures, failures };
  });
