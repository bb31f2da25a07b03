import { startWorker } from '../support/child.ts';
import type { Load, LoadResult } from '../support/load.ts';
import { preparePhoto, uploadPhoto } from '../support/photo.ts';
import { processTree, treeRss } from '../support/processes.ts';
import { type BenchServer, startServer, withDataFolder } from '../support/server.ts';
import type { Soak } from '../support/types.ts';

const IN_FLIGHT = 8;
const EARLY = 200;
const ALL = 2_000;
const STEP = 200;
/** How much the memory may have grown from the early look to the end. */
const MAX_GROWTH = 1.15;

const mebibytes = (bytes: number): number => Math.round((bytes / 1024 / 1024) * 10) / 10;

interface Memory {
  api: number;
  images: number;
  postgres: number;
}

/** Resident memory in bytes. Of PostgreSQL's processes each counts the shared buffers that it has touched. */
async function memoryOf({ pid, postgresPid }: BenchServer): Promise<Memory> {
  const [tree, postgres] = await Promise.all([processTree(pid), treeRss(postgresPid)]);
  const inPostgres = new Set((await processTree(postgresPid)).map((process) => process.pid));
  const ours = tree.filter((process) => !inPostgres.has(process.pid));
  const api = ours[0]?.rss ?? 0;
  return { api, images: ours.reduce((sum, { rss }) => sum + rss, 0) - api, postgres };
}

function describe(done: number, { api, images, postgres }: Memory): string {
  const [sum, ...parts] = [api + images, api, images, postgres].map((bytes) => mebibytes(bytes).toFixed(1));
  return `${done} resizes: ${sum} MiB (API ${parts[0]}, image processes ${parts[1]}); PostgreSQL ${parts[2]}`;
}

/** 2,000 resizes of the photo, 8 at once: the memory of all our processes after 200 and at the end. */
export const soak: Soak = () =>
  withDataFolder(async (folder) => {
    const file = await preparePhoto(folder);
    const server = await startServer(folder);
    const client = await startWorker<Load, LoadResult>(
      new URL('../support/load-process.ts', import.meta.url),
    );
    try {
      const { id } = await uploadPhoto(server.url, file);
      const looks: Memory[] = [];
      for (let done = 0; done < ALL; done += STEP) {
        const requests = Array.from({ length: STEP }, (_, index) => ({
          method: 'POST',
          path: `/images/${id}/resize`,
          headers: { 'content-type': 'application/json' },
          // 101 and 20 have no common divisor: no pair comes twice.
          body: JSON.stringify({
            width: 750 + ((done + index) % 101),
            quality: 70 + ((done + index) % 20),
          }),
        }));
        const { statuses } = await client.call({
          port: server.port,
          requests,
          count: STEP,
          inFlight: IN_FLIGHT,
        });
        if (statuses[201] !== STEP) throw new Error(`Not all were made: ${JSON.stringify(statuses)}`);
        const memory = await memoryOf(server);
        looks.push(memory);
        console.log(describe(done + STEP, memory));
      }
      const ours = looks.map(({ api, images }) => api + images);
      const early = ours[EARLY / STEP - 1] ?? Number.NaN;
      const end = ours.at(-1) ?? Number.NaN;
      const growth = Math.round((end / early) * 1000) / 1000;
      return {
        figures: { growth, early_mib: mebibytes(early), end_mib: mebibytes(end) },
        failures:
          growth <= MAX_GROWTH ? [] : [`memory grew to ${growth} of what it was; ${MAX_GROWTH} is allowed`],
      };
    } finally {
      await Promise.all([client.stop(), server.stop()]);
    }
  });
