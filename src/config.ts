import { isIPv4 } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { StringEnum } from './core/schema.ts';
import { schemaFaults } from './core/schema-faults.ts';
import { validatorCompiler } from './core/validator.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const text = (description: string, fallback?: string) =>
  Type.String({ description, ...(fallback === undefined ? {} : { default: fallback }) });
const count = (description: string, fallback: number, minimum = 1, maximum = Number.MAX_SAFE_INTEGER) =>
  Type.Integer({ description, default: fallback, minimum, maximum });
const flag = (description: string, fallback: boolean) => Type.Boolean({ description, default: fallback });

/**
 * Every setting, by the name of its environment variable, with its description and default. The table in
 * `docs/configuration.md` is generated from it (`npm run docs`), and a test holds the two equal.
 */
export const ConfigSchema = Type.Object({
  HOST: text('Address to listen on.', '127.0.0.1'),
  PORT: count('Port to listen on; 0 picks a free one.', 8000, 0, 65535),
  PUBLIC_URL: Type.Optional(
    Type.String({
      description:
        'How clients reach the service, for example `https://images.example.org`. Its host is allowed.',
      format: 'uri',
    }),
  ),
  ALLOWED_HOSTS: text(
    'Host names (comma-separated) that requests may name in `Host`, besides loopback names, HOST and that of PUBLIC_URL; `*` allows all.',
    '',
  ),
  CORS_ORIGINS: text(
    'Origins (comma-separated) whose pages may call the API from a browser; `*` allows all.',
    '',
  ),
  ALLOW_UNAUTHENTICATED: flag(
    'Serve on an address that is not loopback although nobody has to log in. Without it, such a start is refused.',
    false,
  ),
  DATABASE_URL: Type.Optional(
    Type.String({
      description:
        'PostgreSQL to use (`postgresql://…`; `postgresql+asyncpg://…` is understood). Without it an embedded server runs under DATA_DIR.',
    }),
  ),
  DATABASE_POOL_SIZE: count('Connections each process may hold to PostgreSQL.', 10, 2, 1000),
  DATA_DIR: text('Folder for the embedded PostgreSQL and the disk cache.', '.coreframe'),
  TEMP_IMAGE_DIR: Type.Optional(
    Type.String({
      description:
        'Folder for uploads while they are received, and rows of frames that become a picture. Default: `temp_images` in DATA_DIR.',
    }),
  ),
  TEMP_JSON_DIR: Type.Optional(
    Type.String({
      description:
        'Folder for results while they are made: documents, plots, masks, pictures of frames. Default: `temp_jsons` in DATA_DIR.',
    }),
  ),
  MAX_FILE_BYTES: count('Largest accepted image file, in bytes.', 50 * MIB),
  MAX_REQUEST_BYTES: count('Largest accepted request body, in bytes.', GIB),
  MAX_CSV_BYTES: count('Largest accepted image log, in bytes.', 4 * GIB),
  CSV_CONCURRENCY: count(
    'Image logs that are read at the same time, each in a thread and with a database connection of its own.',
    4,
    1,
    64,
  ),
  CSV_QUEUE: count('Image logs that may wait to be read; past it the answer is 503.', 16, 0),
  MAX_FILES: count('Most files in one upload.', 100, 1, 1000),
  UPLOAD_CONCURRENCY: count(
    'Uploads of images that are received at the same time; past it the answer is 503.',
    256,
    1,
    10_000,
  ),
  FRAME_PICTURE_CONCURRENCY: count(
    'Pictures of frames that are made at the same time, each in memory.',
    4,
    1,
    64,
  ),
  FRAME_PICTURE_QUEUE: count(
    'Pictures of frames that may wait for their turn; past it the answer is 503.',
    64,
    0,
  ),
  MAX_PIXELS: count('Most pixels (width × height) of one frame of an uploaded image.', 50_000_000),
  MAX_TOTAL_PIXELS: count('Most pixels over all frames of an uploaded image.', 200_000_000),
  MAX_OUTPUT_PIXELS: count(
    'Most pixels of a result, over all frames, and of each step on the way to it.',
    100_000_000,
  ),
  MAX_DECODE_BYTES: count(
    'Most memory, in bytes, that decoding one image may need as estimated from its header (progressive JPEG, interlaced PNG).',
    2 * GIB,
  ),
  IMAGE_CONCURRENCY: count(
    'Image processes, each working on one image at a time. Default: the number of cores.',
    availableParallelism(),
    1,
    256,
  ),
  IMAGE_QUEUE: count('Image operations that may wait for a process; past it the answer is 503.', 200, 0),
  OPERATION_TIMEOUT_MS: count(
    'Longest time one image operation may run, in milliseconds; its process is then ended.',
    30_000,
  ),
  IDLE_TIMEOUT_MS: count(
    'Longest silence on an upload or a download before the connection is ended, in milliseconds.',
    30_000,
    100,
  ),
  MIN_TRANSFER_RATE: count(
    'Least bytes per second of an upload or a download, averaged over a growing window; 0 switches it off.',
    1024,
    0,
  ),
  SHUTDOWN_GRACE_MS: count('Longest time to finish running requests after SIGTERM, in milliseconds.', 20_000),
  CACHE_BYTES: count(
    'Bytes of artifacts made by GET requests that are kept in the database, least recently used evicted first.',
    GIB,
    0,
  ),
  DISK_CACHE_BYTES: count('Bytes of originals and results that each process keeps on local disk.', GIB, 0),
  MEMORY_CACHE_BYTES: count('Bytes of small results that each process keeps in memory.', 64 * MIB, 0),
  LOG_LEVEL: StringEnum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    description: 'Least severity that is logged.',
    default: 'info',
  }),
});

type RawConfig = Static<typeof ConfigSchema>;

/** All settings, valid and complete. Folders are absolute. */
export type Config = Omit<RawConfig, 'TEMP_IMAGE_DIR' | 'TEMP_JSON_DIR'> & {
  TEMP_IMAGE_DIR: string;
  TEMP_JSON_DIR: string;
};

const validate = validatorCompiler('text')(ConfigSchema);

/** A setting that cannot be used. The message names each variable and what is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the settings from environment variables: text is converted to the type that the schema names (an empty
 * value counts as unset), defaults are filled in, folders are made absolute.
 *
 * @throws ConfigError naming every variable that is wrong
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.entries(ConfigSchema.properties).flatMap(([name, { type }]) => {
    const value = env[name]?.trim() ?? '';
    return value === '' ? [] : [[name, type === 'boolean' ? booleanText(value) : value]];
  });
  const candidate: unknown = Object.fromEntries(given);
  if (!isConfig(candidate)) {
    const faults = schemaFaults(validate.errors).map(({ message }) => message);
    throw new ConfigError(`Bad configuration:\n  ${faults.join('\n  ')}`);
  }
  const dataDir = path.resolve(candidate.DATA_DIR);
  return {
    ...candidate,
    DATA_DIR: dataDir,
    TEMP_IMAGE_DIR: path.resolve(candidate.TEMP_IMAGE_DIR ?? path.join(dataDir, 'temp_images')),
    TEMP_JSON_DIR: path.resolve(candidate.TEMP_JSON_DIR ?? path.join(dataDir, 'temp_jsons')),
  };
}

function isConfig(candidate: unknown): candidate is RawConfig {
  return validate(candidate);
}

/** `1` and `True` as `true`, `0` and `False` as `false`; any other text as it is. */
function booleanText(text: string): string {
  if (/^(1|true)$/i.test(text)) return 'true';
  return /^(0|false)$/i.test(text) ? 'false' : text;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * Refuses to serve everybody by accident: nobody has to log in, so an address that others may reach must be asked for.
 *
 * @throws ConfigError
 */
export function checkExposure({
  HOST,
  ALLOW_UNAUTHENTICATED,
}: Pick<Config, 'HOST' | 'ALLOW_UNAUTHENTICATED'>): void {
  if (isLoopback(HOST) || ALLOW_UNAUTHENTICATED) return;
  throw new ConfigError(
    `HOST=${HOST} can be reached from other machines, and nobody has to log in. Set ALLOW_UNAUTHENTICATED=true if that is wanted, or HOST=127.0.0.1.`,
  );
}
