import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { startWorker } from '../support/child.ts';
import { writeImageLog } from '../support/image-log.ts';
import { startServer, withDataFolder } from '../support/server.ts';
import type { Transfer, TransferResult } from '../support/transfer-process.ts';
import type { Soak } from '../support/types.ts';

const KILLS = 20;
const ROWS = 200_000;

/** Files of temporary folders that belong to no living process are swept at the start. */
async function temporaryFiles(folder: string): Promise<number> {
  const entries = await readdir(path.join(folder, 'temp_images'), { recursive: true });
  return entries.filter((entry) => entry.includes('/')).length;
}

/** Kills the API in the middle of an upload, again and again: of an upload that was not finished nothing may be there. */
export const soak: Soak = () =>
  withDataFolder(async (folder) => {
    const failures: string[] = [];
    const file = path.join(folder, 'log.csv');
    await writeImageLog(file, ROWS);
    const database = await openEmbeddedServer({ dataDir: folder });
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    const client = await startWorker<Transfer, TransferResult>(
      new URL('../support/transfer-process.ts', import.meta.url),
    );
    let cut = 0;
    try {
      for (let kill = 0; kill < KILLS; kill += 1) {
        const server = await startServer(folder, { DATABASE_URL: database.url });
        const upload = client
          .call({ port: server.port, path: '/upload?force=true', upload: file })
          .catch(() => undefined);
        await sleep(100 + 60 * kill);
        await server.kill();
        const answer = await upload;
        if (answer?.status !== 201) cut += 1;
        // The server's connection ends with it, and PostgreSQL rolls back when it notices.
        await sleep(500);
        const { rows } = await admin.query(
          `SELECT (SELECT count(*)::int FROM frames) AS frames, (SELECT coalesce(sum(rows), 0)::int FROM frame_sets) AS promised`,
        );
        const { frames, promised } = rows[0];
        if (frames !== promised)
          failures.push(`kill ${kill}: ${frames} frames are there, ${promised} belong to frame sets`);
        await admin.query('TRUNCATE frame_sets CASCADE');
      }
      const server = await startServer(folder, { DATABASE_URL: database.url });
      const left = await temporaryFiles(folder);
      if (left > 0) failures.push(`${left} temporary files after the next start`);
      await server.stop();
    } finally {
      await admin.end();
      await client.stop();
      await database.close();
    }
    if (cut < KILLS / 2) failures.push(`only ${cut} of ${KILLS} uploads were cut: the kills came too late`);
    return { figures: { kills: KILLS, cut }, failures };
  });
