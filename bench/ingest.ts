import { rm } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { openEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { startWorker } from './support/child.ts';
import { compare } from './support/compare.ts';
import { writeCopyFile, writeImageLog } from './support/image-log.ts';
import { treeCpu } from './support/processes.ts';
import { startServer, withDataFolder } from './support/server.ts';
import type { Transfer, TransferResult } from './support/transfer-process.ts';
import type { Bench } from './support/types.ts';

/** `BENCH_ROWS=1000000` is the long run: a file of 740 MB. */
const ROWS = Number(process.env.BENCH_ROWS ?? 200_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const FLOOR_SET = '11111111-1111-4111-8111-111111111111';
const INSERT_FLOOR_SET = `
  INSERT INTO frame_sets (id, owner_id, name, filename, options, options_key, first_id, last_id, sha256, size, rows, columns,
                          width, depth_min, depth_max, quality)
  VALUES ('${FLOOR_SET}', '00000000-0000-4000-8000-000000000001', '', '', '{}', sha256(''), 0, 0, sha256(''), 0, 0, 0, 0, 0, 0, '{}')`;

/**
 * A CSV of 200 columns by `POST /upload`, answered once it is committed. Against a binary COPY of the same depths and
 * bytes into the same table. The table is emptied before each run, and a checkpoint is made.
 */
export const bench: Bench = () =>
  withDataFolder(async (folder) => {
    const [csv, copy] = [path.join(folder, 'log.csv'), path.join(folder, 'log.copy')];
    await writeImageLog(csv, ROWS);
    await writeCopyFile(copy, ROWS, FLOOR_SET);
    const database = await openEmbeddedServer({ dataDir: folder });
    const server = await startServer(folder, { DATABASE_URL: database.url });
    const client = await startWorker<Transfer, TransferResult>(
      new URL('support/transfer-process.ts', import.meta.url),
    );
    const floor = await startWorker<object, number>(new URL('ingest.floor.ts', import.meta.url));
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    const reset = async () => {
      await admin.query('TRUNCATE frame_sets CASCADE');
      await admin.query(INSERT_FLOOR_SET);
      await admin.query('CHECKPOINT');
    };
    try {
      const comparison = await compare({
        name: 'ingest',
        what: `rows of a CSV of ${ROWS} × 200, uploaded and committed; floor: binary COPY alone, fsync on in both`,
        ours: {
          async run() {
            await reset();
            const result = await client.call({ port: server.port, path: '/upload?force=true', upload: csv });
            if (result.status !== 201) throw new Error(`The upload failed: ${result.status} ${result.body}`);
            return result.seconds;
          },
          cpu: server.cpu,
        },
        floor: {
          async run() {
            await reset();
            return floor.call({ url: database.url, file: copy });
          },
          cpu: async () => ({ client: await floor.cpu(), postgres: await treeCpu(server.postgresPid) }),
        },
        count: ROWS,
        rounds: ROUNDS,
      });
      return [comparison];
    } finally {
      await admin.end();
      await Promise.all([client.stop(), floor.stop()]);
      await server.stop();
      await database.close();
      await rm(csv, { force: true });
    }
  });
