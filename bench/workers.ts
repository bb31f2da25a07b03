import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { startBroker } from '../test/workers/rabbitmq.ts';
import type { Task } from './jobs.floor.ts';
import { compare, median } from './support/compare.ts';
import { copyPhoto, PHOTOS, runJob, secondsOf, send, uploadAll } from './support/photo-jobs.ts';
import { treeCpu } from './support/processes.ts';
import { type BenchServer, ROOT } from './support/server.ts';
import { onStage, type Stage } from './support/stage.ts';
import type { Bench } from './support/types.ts';

const WORKERS = 2;
const ROUNDS = 2;
const WIDTH = 800;
/** Items of a job with one worker and with two. */
const SCALED = 200;
const SCALE_ROUNDS = 3;

class BenchWorker {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts a worker with one image process; resolves once it is ready. */
  static async start(stage: Stage, server: BenchServer, queueUrl: string, key: string): Promise<BenchWorker> {
    const child = spawn(
      process.execPath,
      ['--max-semi-space-size=8', '--heap-growing-percent=75', 'src/worker.ts'],
      {
        cwd: ROOT,
        env: {
          PATH: process.env.PATH,
          API_URL: server.url,
          QUEUE_URL: queueUrl,
          WORKER_CREDENTIAL: key,
          WORKER_CONCURRENCY: '1',
          LOG_CONCURRENCY: '0',
          PORT: '0',
          DATA_DIR: path.join(stage.folder, 'worker'),
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    stage.teardown(async () => child.kill('SIGKILL'));
    let log = '';
    for await (const chunk of child.stdout) {
      log += chunk;
      if (log.includes('the worker is ready')) break;
    }
    child.stdout.resume();
    return new BenchWorker(child);
  }

  cpu(): Promise<number> {
    return treeCpu(this.#child.pid ?? 0);
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/**
 * 500 resizes of photos (2725×2225 pixels) by two workers of one image process each, through RabbitMQ, against bare sharp with two at a
 * time; then the same job by one worker and by two.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const files = await copyPhoto(stage.folder);
    const broker = await startBroker(stage);
    const server = await stage.startServer({
      QUEUE_URL: broker.url,
      SECRET: randomBytes(32).toString('base64'),
      IMAGE_CONCURRENCY: '1',
    });
    const { key } = await send<{ key: string }>(`${server.url}/workers`, 'POST', { name: 'bench' });
    const start = () => BenchWorker.start(stage, server, broker.url, key);
    const ids = await uploadAll(server.url, files);
    const floor = await stage.startWorker<Task, number>(new URL('jobs.floor.ts', import.meta.url));
    const workers = await Promise.all(Array.from({ length: WORKERS }, start));
    let width = WIDTH;
    const rateOf = async (count: number) => {
      width -= 1;
      return count / secondsOf(await runJob(server, ids.slice(0, count), width));
    };
    const comparison = await compare({
      name: 'workers',
      what: `${PHOTOS} photos 2725×2225 to width ${WIDTH} and less as one job by ${WORKERS} workers; floor: bare sharp in one process, ${WORKERS} at a time`,
      ours: {
        run: async (count) => count / (await rateOf(count)),
        cpu: async () => ({
          ...(await server.cpu()),
          workers: (await Promise.all(workers.map((worker) => worker.cpu()))).reduce((a, b) => a + b, 0),
        }),
      },
      floor: {
        run: (count) => floor.call({ files: files.slice(0, count), width, inFlight: WORKERS }),
        cpu: async () => ({ sharp: await floor.cpu() }),
      },
      count: PHOTOS,
      rounds: ROUNDS,
    });

    const rates: Record<'one' | 'two', number[]> = { one: [], two: [] };
    for (let round = 0; round < SCALE_ROUNDS; round += 1) {
      rates.two.push(await rateOf(SCALED));
      await workers.pop()?.stop();
      rates.one.push(await rateOf(SCALED));
      workers.push(await start());
    }
    const [one, two] = [median(rates.one), median(rates.two)];
    return {
      comparisons: [comparison],
      figures: [
        { name: 'one_worker_per_s', what: 'such items by one worker', value: one },
        { name: 'two_workers_per_s', what: 'the same by two workers', value: two },
        { name: 'scale_out', what: 'two workers against one', value: two / one },
      ],
    };
  });
