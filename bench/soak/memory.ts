import { preparePhoto, uploadPhoto } from '../support/photo.ts';
import type { Memory } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const IN_FLIGHT = 8;
const EARLY = 200;
const ALL = 2_000;
const STEP = 200;
/** Maximum growth from the early measurement to the end. */
const MAX_GROWTH = 1.15;

const mebibytes = (bytes: number): number => Math.round((bytes / 1024 / 1024) * 10) / 10;

function describe(done: number, { api, images, postgres }: Memory): string {
  const [sum, ...parts] = [api + images, api, images, postgres].map((bytes) => mebibytes(bytes).toFixed(1));
  return `${done} resizes: ${sum} MiB (API ${parts[0]}, image processes ${parts[1]}); PostgreSQL ${parts[2]}`;
}

/** 2,000 resizes of the photo, 8 at once. The figures are the memory of our processes after 200 and at the end. */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const file = await preparePhoto(stage.folder);
    const server = await stage.startServer();
    const client = await stage.startLoadClient();
    const { id } = await uploadPhoto(server.url, file);
    const looks: Memory[] = [];
    for (let done = 0; done < ALL; done += STEP) {
      const requests = Array.from({ length: STEP }, (_, index) => ({
        method: 'POST',
        path: `/images/${id}/resize`,
        headers: { 'content-type': 'application/json' },
        // 101 and 20 have no common divisor, so no pair repeats.
        body: JSON.stringify({ width: 750 + ((done + index) % 101), quality: 70 + ((done + index) % 20) }),
      }));
      const load = { port: server.port, requests, count: STEP, inFlight: IN_FLIGHT };
      const { statuses } = await client.call(load);
      if (statuses[201] !== STEP) throw new Error(`Not all were made: ${JSON.stringify(statuses)}`);
      const memory = await server.memory();
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
        growth <= MAX_GROWTH ? [] : [`Memory grew by a factor of ${growth}, more than ${MAX_GROWTH}.`],
    };
  });
