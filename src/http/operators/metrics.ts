import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { QueueStats } from '../../processes/admission.ts';
import { problemResponses } from '../problems/problems.ts';

interface CacheCounters {
  hits: number;
  misses: number;
}

/** The parts of the running service that metrics are read from. */
interface MetricSources {
  /** All queues by name. */
  queues: Record<string, () => QueueStats>;
  imageProcessRestarts: () => number;
  diskCache: CacheCounters & { bytes: number };
  memoryCache: CacheCounters;
}

/** The metrics that the slices write, and the registry of all. */
export interface Metrics {
  registry: Registry;
  requests: Histogram<'method' | 'route' | 'status'>;
  imageOperations: Histogram<'operation' | 'outcome'>;
  storedBytes: Counter;
  sentBytes: Counter;
}

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Creates all metrics of one service. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  for (const [name, help] of [
    ['running', 'Running image operations, image logs, pictures of frames and uploads.'],
    ['waiting', 'Requests that wait for a place.'],
    ['capacity', 'Maximum number running or waiting at once; further requests get a 503.'],
  ] as const) {
    new Gauge({
      name: `coreframe_queue_${name}`,
      help,
      labelNames: ['queue'],
      registers,
      collect() {
        for (const [queue, stats] of Object.entries(sources.queues)) this.set({ queue }, stats()[name]);
      },
    });
  }
  gauge(
    'coreframe_image_process_restarts',
    'Restarts of image processes since the service started.',
    sources.imageProcessRestarts,
  );
  gauge('coreframe_disk_cache_bytes', 'Bytes in the disk cache.', () => sources.diskCache.bytes);
  for (const name of ['disk', 'memory'] as const) {
    const cache = sources[`${name}Cache`];
    gauge(`coreframe_${name}_cache_hits`, `Reads served from the ${name} cache.`, () => cache.hits);
    gauge(
      `coreframe_${name}_cache_misses`,
      `Reads that the ${name} cache could not serve.`,
      () => cache.misses,
    );
  }
  return {
    registry,
    requests: new Histogram({
      name: 'coreframe_http_request_duration_seconds',
      help: 'HTTP requests by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS,
      registers,
    }),
    imageOperations: new Histogram({
      name: 'coreframe_image_operation_duration_seconds',
      help: 'Image operations by operation and outcome (ok, or the error code).',
      labelNames: ['operation', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    storedBytes: new Counter({
      name: 'coreframe_stored_bytes_total',
      help: 'Bytes of uploaded files that were stored.',
      registers,
    }),
    sentBytes: new Counter({
      name: 'coreframe_sent_bytes_total',
      help: 'Bytes of responses whose length is known.',
      registers,
    }),
  };
}

/** Measures every request. */
export const metricsPlugin = fp(async (app, { metrics }: { metrics: Metrics }) => {
  app.addHook('onResponse', (request, reply, done) => {
    metrics.requests.observe(
      { method: request.method, route: request.routeOptions.url ?? 'unknown', status: reply.statusCode },
      reply.elapsedTime / 1000,
    );
    metrics.sentBytes.inc(Number(reply.getHeader('content-length') ?? 0));
    done();
  });
});

/** `GET /metrics` in the Prometheus text format. */
export async function metricsRoutes(app: FastifyInstance, { metrics }: { metrics: Metrics }): Promise<void> {
  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'getMetrics',
        tags: ['operations'],
        summary: 'Metrics for Prometheus',
        description:
          'Requests, image operations by operation and outcome, queues, caches and the process itself, in the Prometheus text format.',
        response: {
          200: {
            description: 'The metrics.',
            content: { 'text/plain': { schema: { type: 'string' } } },
          },
          ...problemResponses(),
        },
      },
    },
    async (_request, reply) => {
      const text = await metrics.registry.metrics();
      return reply.type(metrics.registry.contentType).serializer(String).send(text);
    },
  );
}
