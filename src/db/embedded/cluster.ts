import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedServerError } from './embedded-server-error.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { ServerUser } from './server-user.ts';

/** The only role of an embedded server. */
export const ROLE = 'coreframe';

/** The files and folders of an embedded server, all below `root`. */
export interface ClusterPaths {
  root: string;
  data: string;
  password: string;
  sockets: string;
  log: string;
  /** Held while the server is started or stopped. */
  changeLock: string;
  /** Held in shared mode by every process that uses the server. */
  useLock: string;
}

export interface Cluster {
  paths: ClusterPaths;
  binaries: PostgresBinaries;
  user: ServerUser | undefined;
}

export function clusterPaths(dataDir: string): ClusterPaths {
  const root = path.join(dataDir, 'postgres');
  return {
    root,
    data: path.join(root, 'data'),
    password: path.join(root, 'password'),
    sockets: path.join(root, 'run'),
    log: path.join(root, 'server.log'),
    changeLock: path.join(root, 'change.lock'),
    useLock: path.join(root, 'use.lock'),
  };
}

/** Gives a file or folder to the server's user. */
export async function handOver(file: string, mode: number, user: ServerUser | undefined): Promise<void> {
  await chmod(file, mode);
  if (user) await chown(file, user.uid, user.gid);
}

/**
 * Creates the data folder if it is missing: UTF-8, sorted by code point so that the order does not depend on the machine's locale,
 * with a random password that every connection needs. The folder appears complete or not at all.
 *
 * @throws EmbeddedServerError if it cannot be created, or was created by another major version of PostgreSQL
 */
export async function ensureCluster({ paths, binaries, user }: Cluster): Promise<void> {
  const version = await readFile(path.join(paths.data, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const major = binaries.version.split('.')[0];
  if (version !== undefined) {
    if (version.trim() === major) return;
    throw new EmbeddedServerError(
      `${paths.data} was created by PostgreSQL ${version.trim()}; this is PostgreSQL ${major}. Dump it with the old version of ` +
        'Coreframe and load it with this one, choose another DATA_DIR, or set DATABASE_URL.',
    );
  }
  if (existsSync(paths.data)) {
    throw new EmbeddedServerError(`${paths.data} exists but does not contain PostgreSQL data. Move it away.`);
  }
  await writeFile(paths.password, randomBytes(32).toString('base64url'), { mode: 0o600 });
  await handOver(paths.password, 0o600, user);
  const partial = `${paths.data}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  await handOver(partial, 0o700, user);
  const options = [
    `--pgdata=${partial}`,
    `--username=${ROLE}`,
    `--pwfile=${paths.password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  try {
    await promisify(execFile)(binaries.initdb, options, { ...user, cwd: paths.root, env });
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw new EmbeddedServerError(
      `PostgreSQL's data folder ${paths.data} could not be created: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
  await rename(partial, paths.data);
}

/** @throws EmbeddedServerError if the file cannot be read */
export async function readPassword(paths: ClusterPaths): Promise<string> {
  try {
    return (await readFile(paths.password, 'utf8')).trim();
  } catch (cause) {
    throw new EmbeddedServerError(
      `The password of the embedded PostgreSQL could not be read from ${paths.password}. Restore that file, or move ${paths.root} away to start afresh.`,
      { cause },
    );
  }
}
