import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import sharp from 'sharp';
import { compare, median } from './support/compare.ts';
import { uploadImageLog, writeImageLog } from './support/image-log.ts';
import { treeCpu } from './support/processes.ts';
import { onStage, type TransferClient } from './support/stage.ts';
import type { Transfer } from './support/transfer-process.ts';
import type { Bench, Contestant } from './support/types.ts';

const FRAMES = 100_000;
const PICTURE_ROWS = 5_460;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 6);

/** Stores the items of a JSON array of frames in a table, including the separators. */
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

/** Downloads one answer at a time. */
function downloader(
  client: TransferClient,
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
        throw new Error(`Unexpected answer: ${result.status}, ${result.bytes} bytes`);
      seconds += result.seconds;
      firstBytes.push(result.firstByteSeconds);
    }
    return seconds;
  };
}

/**
 * 100,000 frames as JSON against a bare server that sends the same bytes from one binary SELECT, and 5,460 frames as one PNG
 * against bare sharp with the same pixels.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const { url, admin } = await stage.openDatabase();
    const server = await stage.startServer({ DATABASE_URL: url });
    const client = await stage.startTransferClient();
    const floor = await stage.startWorker<object, number>(new URL('frames.floor.ts', import.meta.url));
    const upload = async (rows: number) => {
      const file = path.join(stage.folder, `log-${rows}.csv`);
      await writeImageLog(file, rows);
      return (await uploadImageLog(client, server, file)).id;
    };
    const framesPath = `/frames?frame_set_id=${await upload(FRAMES)}`;
    const picturePath = `/frames/picture?frame_set_id=${await upload(PICTURE_ROWS)}`;
    const json = await (await fetch(server.url + framesPath)).text();
    await keepItems(admin, json);
    const floorPort = await floor.call({ type: 'listen', url });
    const firstBytes: number[] = [];
    const expected = { bytes: json.length, perRun: FRAMES };
    const floorCpu: Contestant['cpu'] = async () => ({
      server: await floor.cpu(),
      postgres: await treeCpu(server.postgresPid),
    });
    const frames = await compare({
      name: 'frames',
      what: `frames of ${FRAMES} as JSON (${Math.round(json.length / 1e6)} MB); floor: the same bytes by one binary SELECT`,
      ours: {
        run: downloader(client, { port: server.port, path: framesPath }, expected, firstBytes),
        cpu: server.cpu,
      },
      floor: { run: downloader(client, { port: floorPort, path: '/' }, expected, []), cpu: floorCpu },
      count: FRAMES,
      rounds: ROUNDS,
    });
    console.log(`first byte of frames: median ${(median(firstBytes) * 1000).toFixed(1)} ms`);

    const png = await fetch(server.url + picturePath);
    const { data, info } = await sharp(Buffer.from(await png.arrayBuffer()))
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const pixels = path.join(stage.folder, 'pixels.raw');
    await writeFile(pixels, data);
    const task = { type: 'encode', width: info.width, height: info.height, file: pixels };
    const picture = await compare({
      name: 'picture',
      what: `pictures of ${PICTURE_ROWS} × 150 as PNG; floor: bare sharp with the same pixels as RGB`,
      ours: {
        run: downloader(client, { port: server.port, path: picturePath }, { perRun: 1 }, []),
        cpu: server.cpu,
      },
      floor: { run: (count) => floor.call({ ...task, count }), cpu: floorCpu },
      count: 20,
      rounds: ROUNDS,
    });
    return [frames, picture];
  });
