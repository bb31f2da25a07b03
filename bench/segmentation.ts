import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startWorker, type Worker } from './support/child.ts';
import { compare } from './support/compare.ts';
import { httpContestant } from './support/http-contestant.ts';
import type { Load, LoadRequest, LoadResult } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { prepareOneMegapixel, prepareTwelveMegapixels } from './support/pictures.ts';
import { startPython } from './support/python.ts';
import { segmentationRequests } from './support/segmentation-requests.ts';
import { type BenchServer, eventLoopP99, startServer, withDataFolder } from './support/server.ts';
import type { Bench, Comparison, Contestant, Figure } from './support/types.ts';

const METHODS = ['otsu', 'kmeans', 'watershed'] as const;
type MethodName = (typeof METHODS)[number];

/** How many operations a round takes; the floor's k-means takes 0.5 and 6 s each. */
const COUNTS: Record<'1mp' | '12mp', Record<MethodName, number>> = {
  '1mp': { otsu: 20, kmeans: 3, watershed: 8 },
  '12mp': { otsu: 3, kmeans: 1, watershed: 1 },
};
const ROUNDS = 6;

type FloorTask = { file: string; method: MethodName; count: number };

function floor(worker: Worker<FloorTask, { seconds: number }>, file: string, method: MethodName): Contestant {
  return {
    run: async (count) => (await worker.call({ file, method, count })).seconds,
    cpu: async () => ({ opencv: await worker.cpu() }),
  };
}

/**
 * How regularly a timer of the API process fires while 8 segmentations of 12 megapixels are under way, 24 in all. This process,
 * which has nothing to do meanwhile, is measured too: what the machine itself delays shows there.
 */
async function measureEventLoop(
  server: BenchServer,
  client: Worker<Load, LoadResult>,
  requests: Iterator<LoadRequest, never>[],
): Promise<Figure[]> {
  const load = Array.from({ length: 8 }, () => requests.map((source) => source.next().value)).flat();
  const idle = monitorEventLoopDelay();
  await eventLoopP99(server);
  idle.enable();
  await client.call({ port: server.port, requests: load, count: load.length, inFlight: 8 });
  idle.disable();
  const what =
    '99th percentile of the intervals of a 10 ms timer while 8 segmentations of 12 MP are in flight';
  return [
    { name: 'event_loop_p99_ms', what, value: (await eventLoopP99(server)) * 1000, limit: 30 },
    {
      name: 'idle_event_loop_p99_ms',
      what: 'the same of a process without work',
      value: idle.percentile(99) / 1e6,
    },
  ];
}

/**
 * `POST /images/{id}/segmentation`, answered with the measurements once they and the label map are stored (PostgreSQL, fsync
 * on), one at a time. Against native OpenCV in Python doing the same stages, with as many threads as it takes by itself.
 */
export const bench: Bench = () =>
  withDataFolder(async (folder) => {
    const opencv = await startPython<FloorTask, { seconds: number }>(
      new URL('segmentation_floor.py', import.meta.url),
    );
    const photo = await preparePhoto(folder);
    const pictures = [
      { size: '1mp', file: await prepareOneMegapixel(folder, photo) },
      { size: '12mp', file: await prepareTwelveMegapixels(folder, photo) },
    ] as const;
    const server = await startServer(folder);
    const client = await startWorker<Load, LoadResult>(new URL('support/load-process.ts', import.meta.url));
    try {
      const comparisons: Comparison[] = [];
      let requests: Iterator<LoadRequest, never>[] = [];
      for (const { size, file } of pictures) {
        const { id } = await uploadPhoto(server.url, file);
        requests = METHODS.map((method) => segmentationRequests(id, { method }));
        for (const [index, method] of METHODS.entries()) {
          const source = requests[index] ?? segmentationRequests(id, { method });
          comparisons.push(
            await compare({
              name: `${method}_${size}`,
              what: 'decoded, segmented, measured, stored, one at a time; floor: native OpenCV in Python',
              ours: httpContestant({ server, client, requests: source, inFlight: 1, status: 201 }),
              floor: floor(opencv, file, method),
              count: COUNTS[size][method],
              rounds: ROUNDS,
              caches: server.caches,
            }),
          );
        }
      }
      return { comparisons, figures: await measureEventLoop(server, client, requests) };
    } finally {
      await Promise.all([client.stop(), opencv.stop(), server.stop()]);
    }
  });
