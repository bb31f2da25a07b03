import { startWorker, type Worker } from './support/child.ts';
import { compare } from './support/compare.ts';
import { httpContestant } from './support/http-contestant.ts';
import type { Load, LoadRequest, LoadResult } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { prepareTwelveMegapixels } from './support/pictures.ts';
import { startServer, withDataFolder } from './support/server.ts';
import type { Bench, Comparison, Contestant } from './support/types.ts';

const ROUNDS = 8;

/** How many at a time, and how many operations a round takes of the smaller picture; half as many of the larger. */
const LOADS = [
  { name: 'throughput', inFlight: 8, count: 48 },
  { name: 'latency', inFlight: 1, count: 16 },
];

/** Never the same one twice; alike in cost. */
function* requests(imageId: string): Generator<LoadRequest, never> {
  for (let step = 1; ; step += 1) {
    yield {
      method: 'GET',
      path: `/images/${imageId}/histogram?percentiles=5&percentiles=${50 + step / 10_000}`,
    };
  }
}

type FloorTask = { file: string; count: number; inFlight: number };

function floor(worker: Worker<FloorTask, number>, file: string, inFlight: number): Contestant {
  return {
    run: (count) => worker.call({ file, count, inFlight }),
    cpu: async () => ({ sharp: await worker.cpu() }),
  };
}

/**
 * `GET /images/{id}/histogram`, computed and stored each time (PostgreSQL, fsync on), of the photo and of 12 megapixels.
 * Against bare sharp and a counting loop in one process.
 */
export const bench: Bench = () =>
  withDataFolder(async (folder) => {
    const photo = await preparePhoto(folder);
    const pictures = [
      { name: 'photo', file: photo, share: 1 },
      { name: '12mp', file: await prepareTwelveMegapixels(folder, photo), share: 0.5 },
    ];
    const server = await startServer(folder);
    const client = await startWorker<Load, LoadResult>(new URL('support/load-process.ts', import.meta.url));
    const sharp = await startWorker<FloorTask, number>(new URL('histogram.floor.ts', import.meta.url));
    try {
      const comparisons: Comparison[] = [];
      for (const { name, file, share } of pictures) {
        const { id } = await uploadPhoto(server.url, file);
        const source = requests(id);
        for (const { name: load, inFlight, count } of LOADS) {
          comparisons.push(
            await compare({
              name: `histogram_${name}_${load}`,
              what: `${name}, ${inFlight} in flight, stored; floor: bare sharp to raw and a loop in one process`,
              ours: httpContestant({ server, client, requests: source, inFlight, status: 200 }),
              floor: floor(sharp, file, inFlight),
              count: count * share,
              rounds: ROUNDS,
              caches: server.caches,
            }),
          );
        }
      }
      return comparisons;
    } finally {
      await Promise.all([client.stop(), sharp.stop(), server.stop()]);
    }
  });
