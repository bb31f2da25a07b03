import { availableParallelism } from 'node:os';
import { Type } from '@sinclair/typebox';
import { count, type Settings } from '../core/settings.ts';

const DAY = 24 * 60 * 60;

export const jobSettings = {
  JOB_CONCURRENCY: count(
    'Maximum number of items of jobs that this process works on in image processes at the same time; 0 leaves jobs to other processes, as QUEUE_URL does. At least one of several image processes always remains for requests that somebody waits for. Default: one less than the number of cores, but at least 1.',
    Math.max(1, availableParallelism() - 1),
    0,
    256,
  ),
  QUEUE_URL: Type.Optional(
    Type.String({
      pattern: '^amqps?://',
      description:
        'The URL of RabbitMQ (3.10 or newer), `amqp://` or `amqps://`. With it, jobs are left to workers: processes of their own, on as many machines as needed, started with `npm run worker`. It needs SECRET. Default: this process works on jobs.',
    }),
  ),
  JOB_LEASE_SECONDS: count(
    'Seconds after which an item of a job is given to another process, if the process that works on it does not renew its lease.',
    20,
    1,
    3600,
  ),
  JOB_EXPIRE_SECONDS: count('Seconds after which the items of a job that have not started expire.', 7 * DAY),
  JOB_RETENTION_SECONDS: count(
    'Seconds for which jobs are kept after they have ended. What they have made stays.',
    30 * DAY,
  ),
  MAX_JOB_ITEMS: count('Maximum number of images in a job.', 100_000, 1, 1_000_000),
  EVENT_STREAMS: count('Maximum number of event streams of one user at the same time, in each process.', 20),
};

export type JobSettings = Settings<typeof jobSettings>;
