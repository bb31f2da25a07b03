import { compare } from './support/compare.ts';
import { httpContestant } from './support/http-contestant.ts';
import type { LoadRequest } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { prepareTwelveMegapixels } from './support/pictures.ts';
import { onStage } from './support/stage.ts';
import type { Bench, Comparison } from './support/types.ts';

const ROUNDS = 8;

/** `count`: operations per round of the smaller picture; half of it for the larger one. */
const LOADS = [
  { name: 'throughput', inFlight: 8, count: 48 },
  { name: 'latency', inFlight: 1, count: 16 },
];

/** All different, at about the same cost. */
function* requests(imageId: string): Generator<LoadRequest, never> {
  for (let step = 1; ; step += 1) {
    yield {
      method: 'GET',
      path: `/images/${imageId}/histogram?percentiles=5&percentiles=${50 + step / 10_000}`,
    };
  }
}

type FloorTask = { file: string; count: number; inFlight: number };

/**
 * `GET /images/{id}/histogram` of the photo and of 12 megapixels, computed and stored each time (PostgreSQL, fsync on), against
 * bare sharp and a counting loop in one process.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const photo = await preparePhoto(stage.folder);
    const pictures = [
      { name: 'photo', file: photo, share: 1 },
      { name: '12mp', file: await prepareTwelveMegapixels(stage.folder, photo), share: 0.5 },
    ];
    const server = await stage.startServer();
    const client = await stage.startLoadClient();
    const sharp = await stage.startWorker<FloorTask, number>(new URL('histogram.floor.ts', import.meta.url));
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
            floor: {
              run: (round) => sharp.call({ file, count: round, inFlight }),
              cpu: async () => ({ sharp: await sharp.cpu() }),
            },
            count: count * share,
            rounds: ROUNDS,
            caches: server.caches,
          }),
        );
      }
    }
    return comparisons;
  });
