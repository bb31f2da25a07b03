import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { WORKER_KEY_PATTERN } from './auth/tokens/api-key-format.ts';
import { logSettings } from './core/log.ts';
import { refuseMisspelt } from './core/misspelt-settings.ts';
import { ConfigError, count, GIB, readSettings, text } from './core/settings.ts';
import { pictureSettings } from './pictures/settings.ts';

/** What a worker must not have: it needs none of it, and whoever takes over a worker would have it, too. */
const FORBIDDEN = ['DATABASE_URL', 'SECRET', 'PREVIOUS_SECRETS', 'ADMIN_PASSWORD'] as const;

/** The settings of a worker process, by the names of their environment variables. */
export const WorkerConfigSchema = Type.Object({
  API_URL: Type.String({
    pattern: '^https?://',
    description:
      'The URL of the API, as the worker reaches it. Use `https://` unless the network between them is private.',
  }),
  WORKER_CREDENTIAL: Type.String({
    pattern: `^${WORKER_KEY_PATTERN}$`,
    description: 'The credential of the worker, which `POST /workers` has given.',
  }),
  QUEUE_URL: Type.String({
    pattern: '^amqps?://',
    description: 'The URL of RabbitMQ, the same as that of the API.',
  }),
  WORKER_CONCURRENCY: count(
    'Number of image processes; each works on one item at a time. 0: the worker reads image logs alone. Default: the number of cores.',
    availableParallelism(),
    0,
    256,
  ),
  LOG_CONCURRENCY: count('Maximum number of image logs that are read at the same time; 0: none.', 1, 0, 64),
  OPERATION_TIMEOUT_MS: count(
    'Maximum milliseconds that an image operation may run; after that, its process is killed. At most that of the API.',
    30_000,
  ),
  HOST: text('The address at which the worker answers `/live`, `/ready` and `/metrics`.', '127.0.0.1'),
  PORT: Type.Integer({ description: 'Its port.', default: 8001, minimum: 0, maximum: 65_535 }),
  DATA_DIR: text('Folder for inputs and results while they are worked on.', 'data'),
  DISK_CACHE_BYTES: count('Maximum bytes of inputs that are kept for the next items.', 2 * GIB, 0),
  SHUTDOWN_GRACE_MS: count('Maximum milliseconds that a stopping worker waits for running items.', 30_000),
  MAX_PIXELS: pictureSettings.MAX_PIXELS,
  MAX_TOTAL_PIXELS: pictureSettings.MAX_TOTAL_PIXELS,
  MAX_OUTPUT_PIXELS: pictureSettings.MAX_OUTPUT_PIXELS,
  MAX_DECODE_BYTES: pictureSettings.MAX_DECODE_BYTES,
  ...logSettings,
});

export type WorkerConfig = Static<typeof WorkerConfigSchema>;

/** @throws ConfigError naming every variable that is wrong, or that a worker must not have */
export function loadWorkerConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
): WorkerConfig {
  const forbidden = FORBIDDEN.filter((name) => (env[name] ?? '') !== '');
  if (forbidden.length > 0)
    throw new ConfigError(
      `A worker must not have ${forbidden.join(' and ')}. Remove it from its environment.`,
    );
  refuseMisspelt(Object.keys(WorkerConfigSchema.properties), env);
  const settings = readSettings(WorkerConfigSchema, env);
  return { ...settings, DATA_DIR: path.resolve(settings.DATA_DIR) };
}
