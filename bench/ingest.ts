import path from 'node:path';
import { compare } from './support/compare.ts';
import { uploadImageLog, writeCopyFile, writeImageLog } from './support/image-log.ts';
import { treeCpu } from './support/processes.ts';
import { onStage } from './support/stage.ts';
import type { Bench } from './support/types.ts';

/** `BENCH_ROWS=1000000` is the long run, with a file of 740 MB. */
const ROWS = Number(process.env.BENCH_ROWS ?? 200_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const FLOOR_SET = '11111111-1111-4111-8111-111111111111';
const INSERT_FLOOR_SET = `
  INSERT INTO frame_sets (id, owner_id, name, filename, options, options_key, first_id, last_id, sha256, size, rows, columns,
                          width, depth_min, depth_max, quality)
  VALUES ('${FLOOR_SET}', '00000000-0000-4000-8000-000000000001', '', '', '{}', sha256(''), 0, 0, sha256(''), 0, 0, 0, 0, 0, 0, '{}')`;

/**
 * `POST /upload` of a CSV with 200 columns, answered after it is committed, against a binary COPY of the same depths and bytes
 * into the same table, and the file in chunks. Before each run the table is emptied and a checkpoint is made.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const [csv, copy] = [path.join(stage.folder, 'log.csv'), path.join(stage.folder, 'log.copy')];
    await writeImageLog(csv, ROWS);
    await writeCopyFile(copy, ROWS, FLOOR_SET);
    const { url, admin } = await stage.openDatabase();
    const server = await stage.startServer({ DATABASE_URL: url });
    const client = await stage.startTransferClient();
    const floor = await stage.startWorker<object, number>(new URL('ingest.floor.ts', import.meta.url));
    const reset = async () => {
      await admin.query('TRUNCATE frame_sets, blobs CASCADE');
      await admin.query(INSERT_FLOOR_SET);
      await admin.query('CHECKPOINT');
    };
    const comparison = await compare({
      name: 'ingest',
      what: `rows of a CSV of ${ROWS} × 200, uploaded and committed; floor: binary COPY and the file in chunks, fsync on in both`,
      ours: {
        async run() {
          await reset();
          return (await uploadImageLog(client, server, csv)).seconds;
        },
        cpu: server.cpu,
      },
      floor: {
        async run() {
          await reset();
          return floor.call({ url, file: copy, csv });
        },
        cpu: async () => ({ client: await floor.cpu(), postgres: await treeCpu(server.postgresPid) }),
      },
      count: ROWS,
      rounds: ROUNDS,
    });
    return [comparison];
  });
