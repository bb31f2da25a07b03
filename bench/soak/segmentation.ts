import { setTimeout as sleep } from 'node:timers/promises';
import { startWorker } from '../support/child.ts';
import type { Load, LoadRequest, LoadResult } from '../support/load.ts';
import { preparePhoto, uploadPhoto } from '../support/photo.ts';
import { prepareTwelveMegapixels } from '../support/pictures.ts';
import { treeMemory } from '../support/processes.ts';
import { formatTable } from '../support/report.ts';
import { segmentationRequests } from '../support/segmentation-requests.ts';
import { type BenchServer, startServer, withDataFolder } from '../support/server.ts';
import type { Soak } from '../support/types.ts';

const ROUNDS = 10;
const SETTLED_ROUND = 3;
const IN_FLIGHT = 2;
const MAX_GROWTH_MIB = 50;
/** What memory that is given back takes to be gone. */
const SETTLING_MS = 2000;

/** 20 in a round: each method with what it makes different use of memory for. */
const MIX = [
  ...Array.from({ length: 6 }, () => ({ method: 'otsu' })),
  ...Array.from({ length: 4 }, () => ({ method: 'kmeans' })),
  ...Array.from({ length: 4 }, () => ({ method: 'watershed' })),
  { method: 'multi_otsu' },
  { method: 'threshold', adaptive: 'gaussian' },
  { method: 'otsu', open: 3, close: 3, fill_holes: true },
  { method: 'color', color: '#808080', tolerance: 15 },
  { method: 'grabcut', box: { x: 500, y: 500, width: 2500, height: 2000 }, iterations: 1 },
  { method: 'watershed', markers: { from: 'levels', low: 60, high: 140 } },
];

function round(sources: readonly Iterator<LoadRequest, never>[]): LoadRequest[] {
  return sources.map((source) => source.next().value);
}

interface Memory {
  /** MiB of each part: the API process, the image processes, PostgreSQL. */
  api: number;
  images: number;
  postgres: number;
}

const MIB = 1024 * 1024;

async function measure(server: BenchServer): Promise<Memory> {
  const postgres = await treeMemory(server.postgresPid);
  const inPostgres = new Set(postgres.pids);
  const all = await treeMemory(server.pid, inPostgres);
  return { api: all.root / MIB, images: (all.total - all.root) / MIB, postgres: postgres.total / MIB };
}

const total = ({ api, images, postgres }: Memory): number => api + images + postgres;

/**
 * 10 rounds of 20 different segmentations of 12 megapixels over HTTP, two at a time. Memory that all processes together hold
 * after the last round, over that after the third.
 */
export const soak: Soak = () =>
  withDataFolder(async (folder) => {
    const file = await prepareTwelveMegapixels(folder, await preparePhoto(folder));
    const server = await startServer(folder);
    const client = await startWorker<Load, LoadResult>(
      new URL('../support/load-process.ts', import.meta.url),
    );
    try {
      const { id } = await uploadPhoto(server.url, file);
      const sources = MIX.map((params, index) => segmentationRequests(id, params, index * 1000));
      const memory: Memory[] = [];
      const failures: string[] = [];
      for (let number = 1; number <= ROUNDS; number += 1) {
        const requests = round(sources);
        const { statuses } = await client.call({
          port: server.port,
          requests,
          count: requests.length,
          inFlight: IN_FLIGHT,
        });
        if (statuses[201] !== requests.length) {
          failures.push(
            `Round ${number} was answered ${JSON.stringify(statuses)}, not ${requests.length} times 201.`,
          );
        }
        await sleep(SETTLING_MS);
        memory.push(await measure(server));
      }
      const rows = memory.map((found, index) =>
        [index + 1, found.api, found.images, found.postgres, total(found)].map((value) => value.toFixed(0)),
      );
      console.log(formatTable([['round', 'API MiB', 'images MiB', 'PostgreSQL MiB', 'all MiB'], ...rows]));
      const settled = memory[SETTLED_ROUND - 1];
      const last = memory.at(-1);
      const growth = last && settled ? total(last) - total(settled) : Number.NaN;
      if (!(growth <= MAX_GROWTH_MIB)) {
        failures.push(
          `Memory grew by ${growth.toFixed(0)} MiB after round ${SETTLED_ROUND}, more than ${MAX_GROWTH_MIB}.`,
        );
      }
      return {
        figures: {
          memory_growth_mib: Number(growth.toFixed(1)),
          memory_mib: Number((last ? total(last) : Number.NaN).toFixed(1)),
        },
        failures,
      };
    } finally {
      await Promise.all([client.stop(), server.stop()]);
    }
  });
