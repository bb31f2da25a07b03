import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-server-error.ts';

/** The system user that the server's processes run as. */
export interface ServerUser {
  uid: number;
  gid: number;
}

const SYSTEM_USER = 'postgres';

function idOf(option: '-u' | '-g'): number | undefined {
  const { status, stdout } = spawnSync('id', [option, SYSTEM_USER], { encoding: 'utf8' });
  return status === 0 ? Number(stdout.trim()) : undefined;
}

/** The `postgres` system user, which is created if it is missing. */
function systemUser(): ServerUser {
  if (idOf('-u') === undefined) {
    const { status, error, stderr } = spawnSync(
      'useradd',
      [
        '--system',
        '--user-group',
        '--no-create-home',
        '--home-dir=/nonexistent',
        '--shell=/usr/sbin/nologin',
        SYSTEM_USER,
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) {
      throw new EmbeddedServerError(
        `PostgreSQL refuses to run as root, and the system user "${SYSTEM_USER}" could not be created ` +
          `(${error?.message ?? stderr.trim()}). Create that user, start Coreframe as an ordinary user, or set DATABASE_URL.`,
      );
    }
  }
  const uid = idOf('-u');
  const gid = idOf('-g');
  if (uid === undefined || gid === undefined) {
    throw new EmbeddedServerError(`The system user "${SYSTEM_USER}" has no user or group id.`);
  }
  return { uid, gid };
}

/**
 * The user that the server must run as, or undefined for the current user. PostgreSQL refuses to run as root, so root's server
 * runs as the owner of the data or, if no data exists yet, as the `postgres` system user.
 */
export async function serverUser(dataFolder: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(dataFolder).catch(() => undefined);
  return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : systemUser();
}

/** Whether the user can reach and execute a program, or reach and enter a folder. */
export function mayUse(file: string, user: ServerUser | undefined): boolean {
  // Mode bits alone do not show access lists and mount options.
  return spawnSync('/bin/sh', ['-c', '[ -x "$1" ]', 'sh', file], { ...user, cwd: '/' }).status === 0;
}

/** @throws EmbeddedServerError if the user cannot reach the folder; it names the outermost folder that blocks access */
export function requireReachable(folder: string, user: ServerUser | undefined): void {
  if (mayUse(folder, user)) return;
  let barrier = folder;
  while (barrier !== path.dirname(barrier) && !mayUse(path.dirname(barrier), user)) {
    barrier = path.dirname(barrier);
  }
  throw new EmbeddedServerError(
    `The embedded PostgreSQL runs as the user with id ${user?.uid ?? process.getuid?.()}, which cannot enter ${barrier} ` +
      `on the way to ${folder}. Choose another DATA_DIR (for example /var/lib/coreframe), ` +
      'start Coreframe as an ordinary user, or set DATABASE_URL to a PostgreSQL server.',
  );
}
