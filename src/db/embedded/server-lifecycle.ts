import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { tryLock } from '../../system/file-lock.ts';
import { type Cluster, type ClusterPaths, ROLE } from './cluster.ts';
import { EmbeddedServerError } from './embedded-server-error.ts';
import {
  disownStalePidFile,
  isPostmasterOf,
  type Postmaster,
  readPostmaster,
  type ServerSettings,
  startPostmaster,
  stopPostmaster,
} from './postmaster.ts';

const DATABASE = 'coreframe';
export const START_TIMEOUT_MS = 60_000;
/** Maximum time that a running server may take to answer after it says it is ready. */
const UNANSWERED_MS = 3_000;
/** Maximum bytes of a socket's path on every supported system (macOS 104, Linux 108, with a final NUL). */
const SOCKET_PATH_LIMIT = 103;

/** For a local service on a shared machine: modest memory, and nothing that an operator would have to tune. */
const SETTINGS: ServerSettings = {
  max_connections: 100,
  shared_buffers: '128MB',
  // For short queries by key, compiling costs more than it saves.
  jit: 'off',
  // Uploads write up to 1 GiB at once; checkpoints by time alone keep full-page images rare.
  max_wal_size: '2GB',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  // Ends the queries of clients that were killed.
  client_connection_check_interval: '5s',
  unix_socket_permissions: '0700',
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

/** The connection URL of a database of a running server. */
export function urlFor(postmaster: Postmaster, password: string, database: string = DATABASE): string {
  const credentials = `${ROLE}:${encodeURIComponent(password)}`;
  return postmaster.socketFolder === ''
    ? `postgresql://${credentials}@127.0.0.1:${postmaster.port}/${database}`
    : `postgresql://${credentials}@localhost:${postmaster.port}/${database}?host=${encodeURIComponent(postmaster.socketFolder)}`;
}

/** Runs one statement on a new connection. */
async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Creates the service's database if it is missing; throws if the server does not answer. */
async function ensureDatabase(postmaster: Postmaster, password: string): Promise<void> {
  try {
    await execute(urlFor(postmaster, password), 'SELECT 1');
  } catch (error) {
    const state = error instanceof pg.DatabaseError ? error.code : undefined;
    if (state === '28P01') {
      throw new EmbeddedServerError(
        'The password file of the embedded PostgreSQL does not match its data. Restore the original file.',
      );
    }
    if (state !== '3D000') throw error;
    await execute(urlFor(postmaster, password, 'postgres'), `CREATE DATABASE ${DATABASE}`);
  }
}

/** Messages of a server's log that say nothing about its failure. */
const ROUTINE = /^(starting|listening|creating|database system)/;

/** What ended a server, from its log, in one line: its messages up to the first one of severity FATAL or PANIC. */
function reasonIn(log: string): string {
  const messages: string[] = [];
  for (const [, severity, message = ''] of log.matchAll(/ (LOG|FATAL|PANIC): +(.*)/g)) {
    if (!ROUTINE.test(message)) messages.push(message);
    if (severity !== 'LOG') break;
  }
  return (messages.length > 0 ? messages.join('; ') : log.replaceAll('\n', ' ')).replace(/\.$/, '');
}

/**
 * Waits for the server that already runs on this data. A server that does not answer is stopped if nobody uses it; a stale
 * `postmaster.pid` is made harmless. Returns undefined if a server must be started.
 */
export async function adoptServer(paths: ClusterPaths, password: string): Promise<Postmaster | undefined> {
  // A server that replays its log or shuts down may take long; one that says it is ready answers at once.
  let patience = START_TIMEOUT_MS;
  for (let began = performance.now(); ; await sleep(50)) {
    const postmaster = await readPostmaster(paths.data);
    if (!postmaster) return undefined;
    if (!(await isPostmasterOf(postmaster.pid, paths.data))) {
      // It may have ended and removed its file in the meantime.
      if ((await readPostmaster(paths.data))?.pid === postmaster.pid) await disownStalePidFile(paths.data);
      return undefined;
    }
    if (postmaster.status === 'ready') {
      patience = UNANSWERED_MS;
      try {
        await ensureDatabase(postmaster, password);
        return postmaster;
      } catch (error) {
        if (error instanceof EmbeddedServerError) throw error;
      }
    }
    if (performance.now() > began + patience) {
      if (!(await stopUnlessUsed(paths))) {
        throw new EmbeddedServerError(
          `The PostgreSQL server of ${paths.root} (process ${postmaster.pid}), which another process uses, does not answer.`,
        );
      }
      began = performance.now();
    }
  }
}

/** Overrides of the server's settings, and the TCP port if it cannot use a socket of the file system. */
interface LaunchOptions {
  settings?: ServerSettings;
  port?: number;
}

/** Starts the server and creates the service's database. If that fails, the server is stopped again. */
export async function startServer(
  cluster: Cluster,
  password: string,
  options: LaunchOptions = {},
): Promise<Postmaster> {
  const postmaster = await launch(cluster, options);
  try {
    await ensureDatabase(postmaster, password);
  } catch (error) {
    await stopPostmaster(postmaster.pid, cluster.paths.data);
    if (error instanceof EmbeddedServerError) throw error;
    const reason = error instanceof Error ? error.message : error;
    throw new EmbeddedServerError(
      `The data of the embedded PostgreSQL cannot be used: ${reason}. Its log is ${cluster.paths.log}; a backup can be restored into another DATA_DIR.`,
      { cause: error },
    );
  }
  return postmaster;
}

/** Starts the server on a socket beside its data or, if that is not possible, on a free port of the loopback address. */
async function launch(
  { paths, binaries, user }: Cluster,
  { settings, port }: LaunchOptions,
): Promise<Postmaster> {
  let onSocket = Buffer.byteLength(path.join(paths.sockets, '.s.PGSQL.5432')) <= SOCKET_PATH_LIMIT;
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (let attempt = 1; ; attempt++) {
    const listen = onSocket
      ? { listen_addresses: '', unix_socket_directories: paths.sockets, port: 5432 }
      : { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: port ?? (await freePort()) };
    const result = await startPostmaster({
      program: binaries.postgres,
      dataFolder: paths.data,
      settings: { ...SETTINGS, ...settings, ...listen },
      user,
      logFile: paths.log,
      timeoutMs: START_TIMEOUT_MS,
    });
    if ('postmaster' in result) return result.postmaster;
    if (onSocket && /Unix-domain socket|Unix socket/.test(result.failure)) {
      // Some file systems (network mounts, shared folders of virtual machines) do not support sockets.
      onSocket = false;
      continue;
    }
    // Another program has taken the port, or backends of a killed server have not noticed yet.
    const transient = /in use|already exists/.test(result.failure);
    if (!transient || attempt >= 20 || performance.now() > deadline) {
      throw new EmbeddedServerError(
        `The embedded PostgreSQL did not start: ${reasonIn(result.failure)}. Its log is ${paths.log}; a backup can be restored into another DATA_DIR.`,
      );
    }
    await sleep(250);
  }
}

/** Stops the server, or returns false if another process uses it. */
export async function stopUnlessUsed(paths: ClusterPaths): Promise<boolean> {
  const alone = tryLock(paths.useLock, 'exclusive');
  if (!alone) return false;
  try {
    const postmaster = await readPostmaster(paths.data);
    if (postmaster && (await isPostmasterOf(postmaster.pid, paths.data))) {
      await stopPostmaster(postmaster.pid, paths.data);
    }
    return true;
  } finally {
    alone.release();
  }
}
