import { availableParallelism } from 'node:os';
import { count, type Settings } from '../core/settings.ts';

export const workSettings = {
  IMAGE_CONCURRENCY: count(
    'Number of image processes; each runs one task at a time. Default: the number of cores.',
    availableParallelism(),
    1,
    256,
  ),
  IMAGE_QUEUE: count(
    'Maximum number of image operations that wait for a process; further requests get a 503.',
    200,
    0,
  ),
  OPERATION_TIMEOUT_MS: count(
    'Maximum milliseconds that an image operation may run; after that, its process is killed.',
    30_000,
  ),
};

export type WorkSettings = Settings<typeof workSettings>;
