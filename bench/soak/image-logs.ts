import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { startWorker, type Worker } from '../support/child.ts';
import { median } from '../support/compare.ts';
import { writeImageLog } from '../support/image-log.ts';
import { treeRss } from '../support/processes.ts';
import { type BenchServer, startServer, withDataFolder } from '../support/server.ts';
import type { Transfer, TransferResult } from '../support/transfer-process.ts';
import type { Soak } from '../support/types.ts';

const ROWS = Number(process.env.SOAK_ROWS ?? 1_000_000);
const FEW_ROWS = 100_000;
const READERS = 100;
/** Bytes a second that a slow reader takes. */
const READER_RATE = 20_000;
const READING_MS = 15_000;
const MEGABYTE = 1_000_000;

type Client = Worker<Transfer, TransferResult>;

/** Does something, and gives what it gave with the most memory that our processes had meanwhile, over `idle`, in MB. */
async function watchMemory<T>(
  server: BenchServer,
  idle: number,
  work: () => Promise<T>,
): Promise<[T, number]> {
  let peak = 0;
  let isDone = false;
  const watching = (async () => {
    while (!isDone) {
      peak = Math.max(peak, await treeRss(server.pid));
      await sleep(50);
    }
  })();
  const result = await work().finally(() => {
    isDone = true;
  });
  await watching;
  return [result, Math.round((peak - idle) / MEGABYTE)];
}

/** Opens readers that take a little of a whole answer each second, until the given promise is done. */
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

/** Milliseconds of small requests, one after the other, the median. */
async function measureOthers(
  client: Client,
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
  client: Client,
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

/** 100,000 frames in and out; a million rows in, and out as one picture; 100 slow readers of the 100,000. `SOAK_ROWS` for fewer. */
export const soak: Soak = () =>
  withDataFolder(async (folder) => {
    const failures: string[] = [];
    const [large, small] = [path.join(folder, 'large.csv'), path.join(folder, 'small.csv')];
    await writeImageLog(large, ROWS);
    await writeImageLog(small, FEW_ROWS);
    const database = await openEmbeddedServer({ dataDir: folder });
    const server = await startServer(folder, { DATABASE_URL: database.url });
    const client: Client = await startWorker(new URL('../support/transfer-process.ts', import.meta.url));
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    const store = async (file: string) => {
      const answer = await client.call({ port: server.port, path: '/upload', upload: file });
      if (answer.status !== 201) throw new Error(`The upload failed: ${answer.status} ${answer.body}`);
      return { seconds: answer.seconds, id: (JSON.parse(answer.body) as { id: string }).id };
    };
    try {
      await sleep(2_000);
      const idle = await treeRss(server.pid);
      const few = await store(small);
      const [, framesMemory] = await watchMemory(server, idle, () =>
        client.call({ port: server.port, path: `/frames?frame_set_id=${few.id}` }),
      );
      const [stored, ingestMemory] = await watchMemory(server, idle, () => store(large));
      const [picture, pictureMemory] = await watchMemory(server, idle, () =>
        client.call({
          port: server.port,
          path: `/frames/picture?frame_set_id=${stored.id}&height=2000`,
        }),
      );
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
    } finally {
      await admin.end();
      await client.stop();
      await server.stop();
      await database.close();
    }
  });
