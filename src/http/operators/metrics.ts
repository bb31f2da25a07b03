import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from '../../core/version.ts';
import type { QueueStats } from '../../processes/admission.ts';
import { problemResponses } from '../problems/problems.ts';

interface Cache {
  hits: number;
  misses: number;
  readonly bytes: number;
}

/** What there is to do in the background, for all processes on the database. */
interface Work {
  open: readonly {
    lane: string;
    priority: string;
    jobs: number;
    queuedItems: number;
    runningItems: number;
    oldestSeconds: number;
  }[];
  ended: readonly { state: string; jobs: number }[];
  leaseOverdueSeconds: number;
  longestAttemptSeconds: number;
}

/** The parts of the running service that metrics are read from. */
interface MetricSources {
  /** All queues by name. */
  queues: Record<string, () => QueueStats>;
  imageProcessRestarts: () => number;
  /** All caches by name. */
  caches: Record<string, Cache>;
  database: {
    connections: () => { active: number; idle: number; waiting: number };
    /** Bytes of the tables that hold the data, by name; undefined if the database does not answer soon. */
    tableBytes: () => Promise<Record<string, number> | undefined>;
  };
  jobs: {
    /** Undefined if the database does not answer soon. */
    work: () => Promise<Work | undefined>;
    /** The places of this process. */
    workers: () => readonly { lane: string; running: number; capacity: number }[];
    expiredLeases: () => number;
    /** Whether RabbitMQ can be reached; undefined if it is not used. */
    isQueueConnected: () => boolean | undefined;
  };
}

/** The metrics that the slices write, and the registry of all. */
export interface Metrics {
  registry: Registry;
  requests: Histogram<'method' | 'route' | 'status'>;
  imageOperations: Histogram<'operation' | 'outcome'>;
  jobAttempts: Histogram<'operation' | 'outcome'>;
  storedBytes: Counter;
  sentBytes: Counter;
}

type SetSample<Label extends string> = (labels: Partial<Record<Label, string>>, value: number) => void;

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Of what nobody waits for, which may be a large image log. */
const LONG_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** What `read` gives; calls while it reads share one reading, because several metrics of a scrape come from it. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}

/** Creates all metrics of one service. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  /** A metric that is read when it is scraped. */
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (set: SetSample<Label>) => void | Promise<void>,
  ) =>
    new Gauge<Label>({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        this.reset();
        await read((labels, value) => this.set(labels, value));
      },
    });
  /** A count that another part of the service keeps. */
  const counter = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (set: SetSample<Label>) => void,
  ) =>
    new Counter<Label>({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        read((labels, value) => this.inc(labels, value));
      },
    });
  gauge('coreframe_build_info', 'Always 1; the labels are the versions.', ['version', 'node'], (set) =>
    set({ version: VERSION, node: process.version }, 1),
  );
  for (const [name, help] of [
    [
      'running',
      'Running image operations, image logs, pictures of frames, uploads and comparisons of passwords.',
    ],
    ['waiting', 'Requests that wait for a place.'],
    ['capacity', 'Maximum number running or waiting at once; further requests get a 503.'],
  ] as const)
    gauge(`coreframe_queue_${name}`, help, ['queue'], (set) => {
      for (const [queue, stats] of Object.entries(sources.queues)) set({ queue }, stats()[name]);
    });
  counter(
    'coreframe_image_process_restarts_total',
    'Image processes that were replaced, after a crash, a timeout or an abort, or routinely.',
    [],
    (set) => set({}, sources.imageProcessRestarts()),
  );
  for (const [name, help] of [
    ['hits', 'Reads served from a cache.'],
    ['misses', 'Reads that a cache could not serve.'],
  ] as const)
    counter(`coreframe_cache_${name}_total`, help, ['cache'], (set) => {
      for (const [cache, counts] of Object.entries(sources.caches)) set({ cache }, counts[name]);
    });
  gauge('coreframe_cache_bytes', 'Bytes in a cache.', ['cache'], (set) => {
    for (const [cache, { bytes }] of Object.entries(sources.caches)) set({ cache }, bytes);
  });
  gauge('coreframe_database_connections', 'Connections of the pool to PostgreSQL.', ['state'], (set) => {
    const { active, idle } = sources.database.connections();
    set({ state: 'active' }, active);
    set({ state: 'idle' }, idle);
  });
  gauge(
    'coreframe_database_connections_waiting',
    'Queries that wait for a connection of the pool.',
    [],
    (set) => set({}, sources.database.connections().waiting),
  );
  const readTables = shared(sources.database.tableBytes);
  gauge('coreframe_database_up', 'Whether the database answers: 1 or 0.', [], async (set) =>
    set({}, (await readTables()) === undefined ? 0 : 1),
  );
  gauge(
    'coreframe_stored_table_bytes',
    'Bytes on disk of the tables that hold the data: bytes of images and artifacts (`blob_chunks`), and frames. Missing if the database is down.',
    ['table'],
    async (set) => {
      for (const [table, bytes] of Object.entries((await readTables()) ?? {})) set({ table }, bytes);
    },
  );
  const readWork = shared(sources.jobs.work);
  for (const [name, help, key] of [
    ['jobs_open', 'Jobs that have not ended, of all processes. Missing if the database is down.', 'jobs'],
    [
      'job_items_queued',
      'Items of jobs that wait to be started, of all processes. Missing if the database is down.',
      'queuedItems',
    ],
    [
      'job_items_running',
      'Items of jobs that are being worked on, by all processes. Missing if the database is down.',
      'runningItems',
    ],
    [
      'job_items_oldest_seconds',
      'How long the oldest queued item has waited. A large job is old before its last item starts. Missing if the database is down.',
      'oldestSeconds',
    ],
  ] as const)
    gauge(`coreframe_${name}`, help, ['lane', 'priority'], async (set) => {
      for (const { lane, priority, ...work } of (await readWork())?.open ?? [])
        set({ lane, priority }, work[key]);
    });
  gauge(
    'coreframe_jobs_ended',
    'Jobs that ended within the last five minutes, by state, of all processes. Missing if the database is down.',
    ['state'],
    async (set) => {
      for (const { state, jobs } of (await readWork())?.ended ?? []) set({ state }, jobs);
    },
  );
  for (const [name, help, key] of [
    [
      'lease_overdue',
      'How long ago the lease of a running item expired that nobody has given back yet; the longest one, 0 if no lease has. Missing if the database is down.',
      'leaseOverdueSeconds',
    ],
    [
      'longest_attempt',
      'How long the item has been running that was started first; 0 if none runs. Missing if the database is down.',
      'longestAttemptSeconds',
    ],
  ] as const)
    gauge(`coreframe_job_${name}_seconds`, help, [], async (set) => {
      const work = await readWork();
      if (work !== undefined) set({}, work[key]);
    });
  for (const [name, help] of [
    ['running', 'Items of jobs that this process works on.'],
    ['capacity', 'Maximum number of items of jobs that this process works on at once.'],
  ] as const)
    gauge(`coreframe_job_worker_${name}`, help, ['lane'], (set) => {
      for (const { lane, ...stats } of sources.jobs.workers()) set({ lane }, stats[name]);
    });
  counter(
    'coreframe_job_leases_expired_total',
    'Items that this process gave back because their lease had expired: the process that worked on them died or stopped.',
    [],
    (set) => set({}, sources.jobs.expiredLeases()),
  );
  gauge(
    'coreframe_job_queue_connected',
    'Whether RabbitMQ, which tells workers of jobs, can be reached. Missing without QUEUE_URL.',
    [],
    (set) => {
      const isConnected = sources.jobs.isQueueConnected();
      if (isConnected !== undefined) set({}, Number(isConnected));
    },
  );
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
    jobAttempts: new Histogram({
      name: 'coreframe_job_attempt_duration_seconds',
      help: 'Attempts of this process at items of jobs by operation and outcome: succeeded, failed, cancelled, given_back (to be tried again), refused (the lease was lost).',
      labelNames: ['operation', 'outcome'],
      buckets: LONG_SECONDS,
      registers,
    }),
    storedBytes: new Counter({
      name: 'coreframe_stored_bytes_total',
      help: 'Bytes of uploaded files that this process has stored.',
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
      config: { access: 'metrics:read' },
      schema: {
        operationId: 'getMetrics',
        tags: ['operations'],
        summary: 'Metrics for Prometheus',
        description:
          'Requests, image operations by operation and outcome, queues, jobs, caches and the process itself, in the Prometheus text format.',
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
