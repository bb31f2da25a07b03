import { compare } from './support/compare.ts';
import { httpContestant } from './support/http-contestant.ts';
import type { LoadRequest } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { onStage } from './support/stage.ts';
import type { Bench } from './support/types.ts';

const IN_FLIGHT = 8;
const ROUNDS = 12;
/** About three seconds, because the first and last few of a round leave a core idle. */
const COUNT = 192;
/** Until V8 has compiled the API's code and PostgreSQL has used all its shared buffers. */
const WARM_UP = 1200;

interface Variant {
  width: number;
  quality: number;
}

/** All different, so that no answer is already stored; at about the same cost. */
function* variants(): Generator<Variant, never> {
  for (let step = 0; ; step += 1) {
    // 101 and 35 have no common divisor, so all 3,535 pairs come before the first repeats.
    yield { width: 750 + ((step * 37) % 101), quality: 58 + (step % 35) };
  }
}

function* requests(imageId: string): Generator<LoadRequest, never> {
  const source = variants();
  for (;;) {
    yield {
      method: 'POST',
      path: `/images/${imageId}/resize`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(source.next().value),
    };
  }
}

type FloorTask = { file: string; variants: Variant[]; inFlight: number };

/**
 * `POST /images/{id}/resize` of the photo to a width of about 800, answered with the artifact after it is stored in PostgreSQL
 * (fsync on), against bare sharp in one process with the same number in flight.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const file = await preparePhoto(stage.folder);
    const server = await stage.startServer();
    const client = await stage.startLoadClient();
    const sharp = await stage.startWorker<FloorTask, number>(new URL('resize.floor.ts', import.meta.url));
    const { id } = await uploadPhoto(server.url, file);
    const source = variants();
    const take = (count: number) => Array.from({ length: count }, () => source.next().value);
    const comparison = await compare({
      name: 'resize',
      what: `photo 2725×2225 to width 750–850, ${IN_FLIGHT} in flight, stored; floor: bare sharp in one process`,
      ours: httpContestant({ server, client, requests: requests(id), inFlight: IN_FLIGHT, status: 201 }),
      floor: {
        run: (count) => sharp.call({ file, variants: take(count), inFlight: IN_FLIGHT }),
        cpu: async () => ({ sharp: await sharp.cpu() }),
      },
      count: COUNT,
      warmUp: WARM_UP,
      rounds: ROUNDS,
      caches: server.caches,
    });
    return [comparison];
  });
