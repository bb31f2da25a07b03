import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { tryLock } from '../../system/file-lock.ts';
import { type ClusterPaths, ROLE } from './cluster.ts';
import { EmbeddedServerError } from './embedded-server-error.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import {
  disownStalePidFile,
  isPostmasterOf,
  type Postmaster,
  readPostmaster,
  startPostmaster,
  stopPostmaster,
} from './postmaster.ts';
import type { ServerUser } from './server-user.ts';

const DATABASE = 'coreframe';
export const START_TIMEOUT_MS = 60_000;
/** Time that a running server which says it is ready has to answer. */
const UNANSWERED_MS = 3_000;
/** Bytes of a socket's path that every supported system takes (macOS 104, Linux 108, with a final NUL). */
const SOCKET_PATH_LIMIT = 103;

/** A local service on a machine that has other work: modest memory, nothing that an operator would have to tune. */
const SETTINGS: Readonly<Record<string, string | number>> = {
  max_connections: 100,
  shared_buffers: '128MB',
  // Short queries by key: compiling them costs more than it saves.
  jit: 'off',
  // Uploads write up to 1 GiB at once; checkpoints by time alone keep full-page images rare.
  max_wal_size: '2GB',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  // A query whose client was killed ends within that time.
  client_connection_check_interval: '5s',
  unix_socket_permissions: '0700',
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
  return address.port;
}

/** The connection URL of a database of a running server. */
export function urlFor(postmaster: Postmaster, password: string, database: string = DATABASE): string {
  const credentials = `${ROLE}:${encodeURIComponent(password)}`;
  return postmaster.socketFolder === ''
    ? `postgresql://${credentials}@127.0.0.1:${postmaster.port}/${database}`
    : `postgresql://${credentials}@localhost:${postmaster.port}/${database}?host=${encodeURIComponent(postmaster.socketFolder)}`;
}

/** Runs one statement on a connection of its own. Throws what the server answers, or that it does not. */
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

function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Makes the service's database if it is missing; throws if the server does not answer. */
async function ensureDatabase(postmaster: Postmaster, password: string): Promise<void> {
  try {
    await execute(urlFor(postmaster, password), 'SELECT 1');
  } catch (error) {
    if (sqlState(error) === '28P01') {
      throw new EmbeddedServerError(
        'The password file of the embedded PostgreSQL does not fit its data. Restore the one that was made with it.',
      );
    }
    if (sqlState(error) !== '3D000') throw error;
    await execute(urlFor(postmaster, password, 'postgres'), `CREATE DATABASE ${DATABASE}`);
  }
}

/**
 * The server that runs on this data already, once it takes connections. What holds the data without answering is ended
 * if nobody uses it; a `postmaster.pid` without a server is made harmless. Gives undefined if a start is due.
 */
export async function adoptServer(paths: ClusterPaths, password: string): Promise<Postmaster | undefined> {
  // One that replays its log or shuts down may take long; one that says it is ready answers at once.
  let patience = START_TIMEOUT_MS;
  for (let began = performance.now(); ; await sleep(50)) {
    const postmaster = await readPostmaster(paths.data);
    if (!postmaster) return undefined;
    if (!(await isPostmasterOf(postmaster.pid, paths.data))) {
      // It may have ended, and removed its file, between the two looks.
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
      const alone = tryLock(paths.useLock, 'exclusive');
      if (!alone) {
        throw new EmbeddedServerError(
          `The PostgreSQL server of ${paths.root} (process ${postmaster.pid}), which another process uses, does not answer.`,
        );
      }
      try {
        await stopPostmaster(postmaster.pid, paths.data);
      } finally {
        alone.release();
      }
      began = performance.now();
    }
  }
}

async function listenSettings(
  paths: ClusterPaths,
  onSocket: boolean,
): Promise<Record<string, string | number>> {
  return onSocket
    ? { listen_addresses: '', unix_socket_directories: paths.sockets, port: 5432 }
    : { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: await freePort() };
}

/** Starts the server, with the service's database in it. It does not stay if that cannot be made. */
export async function startServer(
  paths: ClusterPaths,
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
  password: string,
  settings: Readonly<Record<string, string | number>>,
): Promise<Postmaster> {
  const postmaster = await launch(paths, binaries, user, settings);
  try {
    await ensureDatabase(postmaster, password);
  } catch (error) {
    await stopPostmaster(postmaster.pid, paths.data);
    throw error;
  }
  return postmaster;
}

/** Starts the server: on a socket beside its data, or, if that cannot be, on a free port of the loopback address. */
async function launch(
  paths: ClusterPaths,
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
  settings: Readonly<Record<string, string | number>>,
): Promise<Postmaster> {
  let onSocket = Buffer.byteLength(path.join(paths.sockets, '.s.PGSQL.5432')) <= SOCKET_PATH_LIMIT;
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (let attempt = 1; ; attempt++) {
    const result = await startPostmaster({
      program: binaries.postgres,
      dataFolder: paths.data,
      settings: { ...SETTINGS, ...settings, ...(await listenSettings(paths, onSocket)) },
      user,
      logFile: paths.log,
      timeoutMs: START_TIMEOUT_MS,
    });
    if ('postmaster' in result) return result.postmaster;
    if (onSocket && /Unix-domain socket|Unix socket/.test(result.failure)) {
      // Some file systems (network mounts, shared folders of virtual machines) hold no sockets.
      onSocket = false;
      continue;
    }
    // Another program took the port in between, or backends of a killed server have not noticed yet.
    const transient = /in use|already exists/.test(result.failure);
    if (!transient || attempt >= 20 || performance.now() > deadline) {
      throw new EmbeddedServerError(
        `The embedded PostgreSQL did not start (its log is ${paths.log}): ${result.failure}`,
      );
    }
    await sleep(250);
  }
}

/** Stops the server if no other process uses it. */
export async function stopUnlessUsed(paths: ClusterPaths): Promise<void> {
  const alone = tryLock(paths.useLock, 'exclusive');
  if (!alone) return;
  try {
    const postmaster = await readPostmaster(paths.data);
    if (postmaster && (await isPostmasterOf(postmaster.pid, paths.data))) {
      await stopPostmaster(postmaster.pid, paths.data);
    }
  } finally {
    alone.release();
  }
}
