import { setTimeout as sleep } from 'node:timers/promises';
import { preparePhoto, uploadPhoto } from '../support/photo.ts';
import { prepareTwelveMegapixels } from '../support/pictures.ts';
import { formatTable } from '../support/report.ts';
import { segmentationRequests } from '../support/segmentation-requests.ts';
import type { Memory } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const ROUNDS = 10;
const SETTLED_ROUND = 3;
const IN_FLIGHT = 2;
const MAX_GROWTH_MIB = 50;
/** Time for freed memory to be returned. */
const SETTLING_MS = 2000;

/** 20 in a round: every method, with parameters that change its use of memory. */
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

const MIB = 1024 * 1024;

const total = ({ api, images, postgres }: Memory): number => api + images + postgres;

/**
 * 10 rounds of 20 different segmentations of 12 megapixels over HTTP, two at a time. The figure is the growth of the memory of
 * all processes from the third round to the last.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const file = await prepareTwelveMegapixels(stage.folder, await preparePhoto(stage.folder));
    const server = await stage.startServer();
    const client = await stage.startLoadClient();
    const { id } = await uploadPhoto(server.url, file);
    const sources = MIX.map((params, index) => segmentationRequests(id, params, index * 1000));
    const memory: Memory[] = [];
    const failures: string[] = [];
    for (let number = 1; number <= ROUNDS; number += 1) {
      const requests = sources.map((source) => source.next().value);
      const count = requests.length;
      const load = { port: server.port, requests, count, inFlight: IN_FLIGHT };
      const { statuses } = await client.call(load);
      if (statuses[201] !== count) {
        failures.push(
          `The answers of round ${number} were ${JSON.stringify(statuses)}, not ${count} times 201.`,
        );
      }
      await sleep(SETTLING_MS);
      memory.push(await server.memory());
    }
    const rows = memory.map((found, index) => [
      String(index + 1),
      ...[found.api, found.images, found.postgres, total(found)].map((bytes) => (bytes / MIB).toFixed(0)),
    ]);
    console.log(formatTable([['round', 'API MiB', 'images MiB', 'PostgreSQL MiB', 'all MiB'], ...rows]));
    const [settled = Number.NaN, last = Number.NaN] = [memory[SETTLED_ROUND - 1], memory.at(-1)].map(
      (found) => found && total(found) / MIB,
    );
    const growth = last - settled;
    if (!(growth <= MAX_GROWTH_MIB)) {
      failures.push(
        `Memory grew by ${growth.toFixed(0)} MiB after round ${SETTLED_ROUND}, more than ${MAX_GROWTH_MIB}.`,
      );
    }
    return {
      figures: { memory_growth_mib: Number(growth.toFixed(1)), memory_mib: Number(last.toFixed(1)) },
      failures,
    };
  });
