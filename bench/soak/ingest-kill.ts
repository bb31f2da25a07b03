import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeImageLog } from '../support/image-log.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const KILLS = 20;
const ROWS = 200_000;

/** Number of files in the temporary folders of processes. */
async function temporaryFiles(folder: string): Promise<number> {
  const entries = await readdir(path.join(folder, 'temp_images'), { recursive: true });
  return entries.filter((entry) => entry.includes('/')).length;
}

/** Repeatedly kills the API in the middle of an upload. Nothing of an unfinished upload may be left. */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const failures: string[] = [];
    const file = path.join(stage.folder, 'log.csv');
    await writeImageLog(file, ROWS);
    const { url, admin } = await stage.openDatabase();
    const client = await stage.startTransferClient();
    let cut = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const server = await stage.startServer({ DATABASE_URL: url });
      const upload = client
        .call({ port: server.port, path: '/upload?force=true', upload: file })
        .catch(() => undefined);
      await sleep(100 + 60 * kill);
      await server.kill();
      const answer = await upload;
      if (answer?.status !== 201) cut += 1;
      // PostgreSQL rolls back when it notices that the connection is gone.
      await sleep(500);
      const { rows } = await admin.query(
        `SELECT (SELECT count(*)::int FROM frames) AS frames, (SELECT coalesce(sum(rows), 0)::int FROM frame_sets) AS promised`,
      );
      const { frames, promised } = rows[0];
      if (frames !== promised) {
        failures.push(`kill ${kill}: ${frames} frames exist, ${promised} belong to frame sets`);
      }
      await admin.query('TRUNCATE frame_sets CASCADE');
    }
    await stage.startServer({ DATABASE_URL: url });
    const left = await temporaryFiles(stage.folder);
    if (left > 0) failures.push(`${left} temporary files after the next start`);
    if (cut < KILLS / 2)
      failures.push(`only ${cut} of ${KILLS} uploads were cut off: the kills came too late`);
    return { figures: { kills: KILLS, cut }, failures };
  });
