import { monitorEventLoopDelay } from 'node:perf_hooks';
import { compare } from './support/compare.ts';
import { httpContestant } from './support/http-contestant.ts';
import type { LoadRequest } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { prepareOneMegapixel, prepareTwelveMegapixels } from './support/pictures.ts';
import { segmentationRequests } from './support/segmentation-requests.ts';
import { type BenchServer, eventLoopDelay } from './support/server.ts';
import { type LoadClient, onStage } from './support/stage.ts';
import type { Bench, Comparison, Figure } from './support/types.ts';

const METHODS = ['otsu', 'kmeans', 'watershed'] as const;
type MethodName = (typeof METHODS)[number];

/** Operations per round; k-means is slow in the floor. */
const COUNTS: Record<'1mp' | '12mp', Record<MethodName, number>> = {
  '1mp': { otsu: 20, kmeans: 3, watershed: 8 },
  '12mp': { otsu: 3, kmeans: 1, watershed: 1 },
};
const ROUNDS = 6;

type FloorTask = { file: string; method: MethodName; count: number };

/**
 * How regularly a timer of the API process fires during 24 segmentations of 12 megapixels, 8 at a time. This process, which is
 * idle then, is measured too, to show the delays of the machine itself.
 */
async function measureEventLoop(
  server: BenchServer,
  client: LoadClient,
  requests: Iterator<LoadRequest, never>[],
): Promise<Figure[]> {
  const load = Array.from({ length: 8 }, () => requests.map((source) => source.next().value)).flat();
  const idle = monitorEventLoopDelay();
  await eventLoopDelay(server);
  idle.enable();
  await client.call({ port: server.port, requests: load, count: load.length, inFlight: 8 });
  idle.disable();
  const what =
    '99th percentile of the intervals of a 10 ms timer while 8 segmentations of 12 MP are in flight';
  return [
    { name: 'event_loop_p99_ms', what, value: (await eventLoopDelay(server)).p99 * 1000, limit: 30 },
    {
      name: 'idle_event_loop_p99_ms',
      what: 'the same in an idle process',
      value: idle.percentile(99) / 1e6,
    },
  ];
}

/**
 * `POST /images/{id}/segmentation`, answered with the artifact after the label map and the measurements are stored (PostgreSQL,
 * fsync on), one at a time, against native OpenCV in Python doing the same stages with its default number of threads.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const opencv = await stage.startPython<FloorTask, { seconds: number }>(
      new URL('segmentation_floor.py', import.meta.url),
    );
    const photo = await preparePhoto(stage.folder);
    const pictures = [
      { size: '1mp', file: await prepareOneMegapixel(stage.folder, photo) },
      { size: '12mp', file: await prepareTwelveMegapixels(stage.folder, photo) },
    ] as const;
    const server = await stage.startServer();
    const client = await stage.startLoadClient();
    const comparisons: Comparison[] = [];
    let sources: Iterator<LoadRequest, never>[] = [];
    for (const { size, file } of pictures) {
      const { id } = await uploadPhoto(server.url, file);
      sources = [];
      for (const method of METHODS) {
        const requests = segmentationRequests(id, { method });
        sources.push(requests);
        comparisons.push(
          await compare({
            name: `${method}_${size}`,
            what: 'decoded, segmented, measured, stored, one at a time; floor: native OpenCV in Python',
            ours: httpContestant({ server, client, requests, inFlight: 1, status: 201 }),
            floor: {
              run: async (count) => (await opencv.call({ file, method, count })).seconds,
              cpu: async () => ({ opencv: await opencv.cpu() }),
            },
            count: COUNTS[size][method],
            rounds: ROUNDS,
            caches: server.caches,
          }),
        );
      }
    }
    return { comparisons, figures: await measureEventLoop(server, client, sources) };
  });
