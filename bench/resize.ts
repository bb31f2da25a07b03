import { startWorker, type Worker } from './support/child.ts';
import { compare } from './support/compare.ts';
import type { Load, LoadResult } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { type BenchServer, startServer, withDataFolder } from './support/server.ts';
import type { Bench, Contestant } from './support/types.ts';

const IN_FLIGHT = 8;
const ROUNDS = 12;
/** Some three seconds: the first and the last few of a round leave a core idle. */
const COUNT = 192;
/** Until the API's code is compiled, and PostgreSQL has touched all of its shared buffers once: some 130 MB of results. */
const WARM_UP = 1200;

interface Variant {
  width: number;
  quality: number;
}

/** Never the same one twice, so that nothing can be answered from what is stored; alike in cost. */
function* variants(): Generator<Variant> {
  for (let step = 0; ; step += 1) {
    // 101 and 35 have no common divisor: all 3,535 pairs come before the first one comes again.
    yield { width: 750 + ((step * 37) % 101), quality: 58 + (step % 35) };
  }
}

function take(source: Iterator<Variant>, count: number): Variant[] {
  return Array.from({ length: count }, () => source.next().value as Variant);
}

function ours(server: BenchServer, client: Worker<Load, LoadResult>, imageId: string): Contestant {
  const source = variants();
  return {
    async run(count) {
      const requests = take(source, count).map(({ width, quality }) => ({
        method: 'POST',
        path: `/images/${imageId}/resize`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ width, quality }),
      }));
      const result = await client.call({ port: server.port, requests, count, inFlight: IN_FLIGHT });
      if (result.statuses[201] !== count) {
        throw new Error(`Not all were made and stored: ${JSON.stringify(result.statuses)}`);
      }
      return result.seconds;
    },
    cpu: server.cpu,
  };
}

type FloorTask = { file: string; variants: Variant[]; inFlight: number };

function floor(worker: Worker<FloorTask, number>, file: string): Contestant {
  const source = variants();
  return {
    run: (count) => worker.call({ file, variants: take(source, count), inFlight: IN_FLIGHT }),
    cpu: async () => ({ sharp: await worker.cpu() }),
  };
}

/**
 * The photo to a width of about 800, by `POST /images/{id}/resize`, answered with the artifact once it is stored in PostgreSQL
 * (fsync on). Against bare sharp in one process with as many in flight.
 */
export const bench: Bench = () =>
  withDataFolder(async (folder) => {
    const file = await preparePhoto(folder);
    const server = await startServer(folder);
    const client = await startWorker<Load, LoadResult>(new URL('support/load-process.ts', import.meta.url));
    const sharp = await startWorker<FloorTask, number>(new URL('resize.floor.ts', import.meta.url));
    try {
      const { id } = await uploadPhoto(server.url, file);
      const comparison = await compare({
        name: 'resize',
        what: `photo 2725×2225 to width 750–850, ${IN_FLIGHT} in flight, stored; floor: bare sharp in one process`,
        ours: ours(server, client, id),
        floor: floor(sharp, file),
        count: COUNT,
        warmUp: WARM_UP,
        rounds: ROUNDS,
        caches: server.caches,
      });
      return [comparison];
    } finally {
      await Promise.all([client.stop(), sharp.stop(), server.stop()]);
    }
  });
