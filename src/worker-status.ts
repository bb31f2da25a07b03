import Fastify from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Lane } from './jobs/queue/job.ts';

/** Seconds of the buckets of durations. */
const BUCKETS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

/** @param restarts image processes that were replaced so far */
export function createWorkerMetrics(restarts: () => number) {
  const registry = new Registry();
  const registers = [registry];
  new Counter({
    name: 'coreframe_worker_image_process_restarts_total',
    help: 'Image processes that were replaced.',
    registers,
    collect() {
      this.reset();
      this.inc(restarts());
    },
  });
  return {
    registry,
    attempts: new Histogram({
      name: 'coreframe_worker_attempt_seconds',
      help: 'Attempts at items of jobs, by operation and outcome.',
      labelNames: ['operation', 'outcome'],
      buckets: BUCKETS,
      registers,
    }),
    operations: new Histogram({
      name: 'coreframe_worker_operation_seconds',
      help: 'Image operations, by operation and outcome.',
      labelNames: ['operation', 'outcome'],
      buckets: BUCKETS,
      registers,
    }),
  };
}

export interface WorkerStatusOptions {
  host: string;
  port: number;
  registry: Registry;
  isReady(): boolean;
  places(): { lane: Lane; running: number; capacity: number }[];
}

/** Answers `/live`, `/ready` and `/metrics`, and nothing else. */
export async function serveWorkerStatus({ host, port, registry, isReady, places }: WorkerStatusOptions) {
  for (const [name, help] of [
    ['running', 'Items that run.'],
    ['capacity', 'Items that can run at the same time.'],
  ] as const)
    new Gauge({
      name: `coreframe_worker_${name}`,
      help,
      labelNames: ['lane'],
      registers: [registry],
      collect() {
        for (const place of places()) this.set({ lane: place.lane }, place[name]);
      },
    });
  const app = Fastify({ forceCloseConnections: true });
  app.get('/live', async () => ({ status: 'ok' }));
  app.get('/ready', async (_request, reply) =>
    isReady() ? { status: 'ok' } : reply.code(503).send({ status: 'not connected to RabbitMQ' }),
  );
  app.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  return { address: await app.listen({ host, port }), close: () => app.close() };
}
