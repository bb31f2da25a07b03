import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import sharp from 'sharp';
import { openEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { startWorker, type Worker } from './support/child.ts';
import { compare, median } from './support/compare.ts';
import { writeImageLog } from './support/image-log.ts';
import { treeCpu } from './support/processes.ts';
import { type BenchServer, startServer, withDataFolder } from './support/server.ts';
import type { Transfer, TransferResult } from './support/transfer-process.ts';
import type { Bench, Contestant } from './support/types.ts';

const FRAMES = 100_000;
const PICTURE_ROWS = 5_460;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 6);

type Client = Worker<Transfer, TransferResult>;

async function upload(client: Client, server: BenchServer, folder: string, rows: number): Promise<string> {
  const file = path.join(folder, `log-${rows}.csv`);
  await writeImageLog(file, rows);
  const { status, body } = await client.call({ port: server.port, path: '/upload', upload: file });
  if (status !== 201) throw new Error(`The log was not stored: ${status} ${body}`);
  return (JSON.parse(body) as { id: string }).id;
}

/** Keeps the items of a JSON array of frames, with what stands between them, in a table. */
async function keepItems(admin: pg.Client, json: string): Promise<void> {
  await admin.query('CREATE TABLE bench_items (number int PRIMARY KEY, item text NOT NULL)');
  const items = json.split(/(?<=\},)/);
  for (let at = 0; at < items.length; at += 1000) {
    await admin.query(
      'INSERT INTO bench_items SELECT $1 + ordinality, item FROM unnest($2::text[]) WITH ORDINALITY AS t (item, ordinality)',
      [at, items.slice(at, at + 1000)],
    );
  }
  await admin.query('VACUUM ANALYZE');
}

/** Downloads by a client of its own, one at a time. */
function downloader(
  client: Client,
  transfer: Transfer,
  expected: { bytes?: number; perRun: number },
  firstBytes: number[],
): (count: number) => Promise<number> {
  return async (count) => {
    let seconds = 0;
    for (let done = 0; done < count; done += expected.perRun) {
      const result = await client.call(transfer);
      const isWhole =
        expected.bytes === undefined || Math.abs(result.bytes - expected.bytes) < expected.bytes / 100;
      if (result.status !== 200 || !isWhole)
        throw new Error(`Not the answer: ${result.status}, ${result.bytes} bytes`);
      seconds += result.seconds;
      firstBytes.push(result.firstByteSeconds);
    }
    return seconds;
  };
}

/**
 * 100,000 frames as JSON against a bare server that sends the very same bytes from one binary SELECT, and 5,460 frames as
 * one PNG against bare sharp with the same pixels.
 */
export const bench: Bench = () =>
  withDataFolder(async (folder) => {
    const database = await openEmbeddedServer({ dataDir: folder });
    const server = await startServer(folder, { DATABASE_URL: database.url });
    const client = await startWorker<Transfer, TransferResult>(
      new URL('support/transfer-process.ts', import.meta.url),
    );
    const floor = await startWorker<object, number>(new URL('frames.floor.ts', import.meta.url));
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    try {
      const large = await upload(client, server, folder, FRAMES);
      const small = await upload(client, server, folder, PICTURE_ROWS);
      const json = await (await fetch(`${server.url}/frames?frame_set_id=${large}`)).text();
      await keepItems(admin, json);
      const floorPort = await floor.call({ type: 'listen', url: database.url });
      const firstBytes: number[] = [];
      const bytes = json.length;
      const floorCpu: Contestant['cpu'] = async () => ({
        server: await floor.cpu(),
        postgres: await treeCpu(server.postgresPid),
      });
      const framesPath = `/frames?frame_set_id=${large}`;
      const frames = await compare({
        name: 'frames',
        what: `frames of ${FRAMES} as JSON (${Math.round(bytes / 1e6)} MB); floor: the very same bytes by one binary SELECT`,
        ours: {
          run: downloader(
            client,
            { port: server.port, path: framesPath },
            { bytes, perRun: FRAMES },
            firstBytes,
          ),
          cpu: server.cpu,
        },
        floor: {
          run: downloader(client, { port: floorPort, path: '/' }, { bytes, perRun: FRAMES }, []),
          cpu: floorCpu,
        },
        count: FRAMES,
        rounds: ROUNDS,
      });
      console.log(`first byte of frames: median ${(median(firstBytes) * 1000).toFixed(1)} ms`);

      const picturePath = `/frames/picture?frame_set_id=${small}`;
      const png = await fetch(`${server.url}${picturePath}`);
      const { data, info } = await sharp(Buffer.from(await png.arrayBuffer()))
        .toColourspace('srgb')
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      const pixels = `${folder}/pixels.raw`;
      await writeFile(pixels, data);
      const picture = await compare({
        name: 'picture',
        what: `pictures of ${PICTURE_ROWS} × 150 as PNG; floor: bare sharp with the same pixels as RGB`,
        ours: {
          run: downloader(client, { port: server.port, path: picturePath }, { perRun: 1 }, []),
          cpu: server.cpu,
        },
        floor: {
          run: (count) =>
            floor.call({ type: 'encode', count, width: info.width, height: info.height, file: pixels }),
          cpu: floorCpu,
        },
        count: 20,
        rounds: ROUNDS,
      });
      return [frames, picture];
    } finally {
      await admin.end();
      await Promise.all([client.stop(), floor.stop()]);
      await server.stop();
      await database.close();
    }
  });
