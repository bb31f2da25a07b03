/** Main module of a worker: a process that works on the items of jobs for an API on another machine. It knows no database. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Logger } from 'pino';
import { openDiskCache } from './blobs/disk-cache.ts';
import { AppError } from './core/errors.ts';
import { createLogger } from './core/log.ts';
import { readRemoteLog } from './frames/ingest/remote-log.ts';
import { IngestThreads } from './frames/ingest/threads.ts';
import type { Lane } from './jobs/queue/job.ts';
import { type ItemHandler, LaneWorker } from './jobs/queue/lane-worker.ts';
import { ApiClient } from './jobs/worker/api-client.ts';
import { PermitInbox } from './jobs/worker/permit-inbox.ts';
import { pictureHandler, sendUntilHeard } from './jobs/worker/picture-handler.ts';
import { RemoteInputs } from './jobs/worker/remote-inputs.ts';
import { type RemoteItem, RemoteQueue } from './jobs/worker/remote-queue.ts';
import { OPERATIONS_BY_NAME } from './operations.ts';
import { ProcessPool } from './processes/pool.ts';
import { runUntilStopped } from './system/run-until-stopped.ts';
import { explainStart } from './system/start-errors.ts';
import { toStorageError } from './system/storage-errors.ts';
import { openTemporaryFolder } from './system/temporary-folder.ts';
import { LocalRunner } from './work/local-runner.ts';
import type { Outcome, Task } from './work/operation.ts';
import { loadWorkerConfig, type WorkerConfig } from './worker-config.ts';
import { createWorkerMetrics, serveWorkerStatus } from './worker-status.ts';

/** Items that may wait for a process or a thread. Few do: the worker claims only what it has a place for. */
const QUEUE = 16;

/** @returns a function that stops the worker */
async function start(config: WorkerConfig, log: Logger): Promise<() => Promise<void>> {
  const api = new ApiClient({ url: config.API_URL, credential: config.WORKER_CREDENTIAL });
  const places: Record<Lane, number> = {
    images: config.WORKER_CONCURRENCY,
    image_logs: config.LOG_CONCURRENCY,
  };
  const leaseSeconds = await firstLease(api, log);
  const folder = await openTemporaryFolder(path.join(config.DATA_DIR, 'worker'));
  const inputs = new RemoteInputs(api);
  const cache = await openDiskCache({
    root: path.join(config.DATA_DIR, 'worker-cache'),
    maxBytes: config.DISK_CACHE_BYTES,
    overflow: folder,
    blobs: inputs,
  });
  const pool = new ProcessPool<Task, Outcome>({
    mainModule: new URL('./image-worker.ts', import.meta.url),
    what: 'image operations',
    env: { VIPS_WARNING: '0' },
    concurrency: Math.max(1, config.WORKER_CONCURRENCY),
    queue: QUEUE,
    maxMemory: config.MAX_DECODE_BYTES,
    log,
  });
  const threads = new IngestThreads({
    concurrency: Math.max(1, config.LOG_CONCURRENCY),
    queue: QUEUE,
  });
  const metrics = createWorkerMetrics(() => pool.stats().restarts);
  const runner = new LocalRunner({
    operations: OPERATIONS_BY_NAME,
    pool,
    settings: config,
    observe: (operation, outcome, seconds) => metrics.operations.observe({ operation, outcome }, seconds),
  });
  const inbox = new PermitInbox(config.QUEUE_URL, places, log);
  const versions = Object.fromEntries(
    [...OPERATIONS_BY_NAME.values()].map(({ name, version }) => [name, version]),
  );
  const queue = new RemoteQueue({ api, inbox, versions, log });
  const work = (lane: Lane, handle: ItemHandler<RemoteItem, never>) => {
    if (places[lane] === 0) return [];
    return new LaneWorker<RemoteItem, never>({
      lane,
      concurrency: places[lane],
      leaseSeconds,
      abandonsAtStop: lane === 'image_logs',
      handle,
      queue,
      signals: inbox,
      translate: (error) => (error instanceof AppError ? error : toStorageError(error)),
      log,
      observe: (outcome, item, seconds) => {
        item.permit.done();
        metrics.attempts.observe({ operation: item.operation, outcome }, seconds);
      },
    });
  };
  const workers = [
    work('images', pictureHandler({ api, runner, cache, inputs, newPath: () => folder.newPath() })),
    work('image_logs', logHandler(api, threads)),
  ].flat();
  const status = await serveWorkerStatus({
    host: config.HOST,
    port: config.PORT,
    registry: metrics.registry,
    isReady: () => inbox.isConnected,
    places: () => workers.map((worker) => worker.stats()),
  });
  log.info({ address: status.address, places }, 'the worker is ready');
  return async () => {
    await Promise.all(workers.map((worker) => worker.close()));
    await inbox.close();
    await pool.close();
    await threads.close();
    await cache.close();
    await folder.remove();
    await status.close();
  };
}

/** Reads the image log of an item, and sends its rows to the API. */
function logHandler(api: ApiClient, threads: IngestThreads): ItemHandler<RemoteItem, never> {
  return async (item, { signal, report }) => {
    if (!('log' in item.task)) throw new Error('The item is not about an image log.');
    const { file, frame_set_id: frameSetId, options } = item.task.log;
    const log = { frameSetId, options, size: file.size };
    await threads.use(signal, (thread) =>
      sendUntilHeard(signal, () =>
        readRemoteLog(log, thread, {
          signal,
          report,
          read: () => api.input(item, file.sha256),
          send: (rows) => api.stream(item.token, '/rows', rows, signal),
        }),
      ),
    );
    return undefined;
  };
}

/** Pause between two attempts to reach the API at the start. */
const PAUSE_MS = 1_000;

/** The length of leases, once the API answers. */
async function firstLease(api: ApiClient, log: Logger): Promise<number> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return (await api.lane('images')).leaseSeconds;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'overloaded') throw error;
      if (isFirst) log.warn({ err: error }, 'the API cannot be reached yet');
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

async function main(): Promise<void> {
  const config = loadWorkerConfig();
  const log = createLogger(config.LOG_LEVEL).child({ worker: randomUUID().slice(0, 8) });
  await runUntilStopped({
    start: () => start(config, log),
    log,
    graceMs: config.SHUTDOWN_GRACE_MS,
    running: 'items',
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`The worker cannot start. ${explainStart(error)}\n`);
  process.exit(1);
}
