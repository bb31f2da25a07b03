import { spawn, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { chown, readFile, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerUser } from './server-user.ts';

/** What a server writes to `postmaster.pid` in its data folder. */
export interface Postmaster {
  pid: number;
  port: number;
  /** Empty if it listens on TCP only. */
  socketFolder: string;
  status: string;
}

/**
 * Reads `postmaster.pid` if it exists (format: PostgreSQL's src/include/utils/pidfile.h). The lines after the first appear one
 * by one while the server starts.
 */
export async function readPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  const text = await readFile(path.join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => undefined);
  const [pid, , , port = '', socketFolder = '', , , status = ''] = text?.split('\n') ?? [];
  if (!pid) return undefined;
  return { pid: Number(pid), port: Number(port), socketFolder, status: status.trim() };
}

/** Whether a process with this id exists and is not a zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/^\d+ \(.*\) Z /s.test(state);
}

/** Whether the process is the server of this data folder, and not another one that reuses the id of a dead server. */
export async function isPostmasterOf(pid: number, dataFolder: string): Promise<boolean> {
  if (!(await isRunning(pid))) return false;
  const folder = await realpath(dataFolder);
  if (process.platform === 'linux') {
    // A server's working directory is its data folder.
    return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === folder;
  }
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes(folder);
}

/**
 * Lets PostgreSQL take over a stale `postmaster.pid`, which it refuses if the id in it belongs to any process of the same user.
 * The id is replaced by that of a process that has just ended. The rest stays: it lets PostgreSQL see whether orphaned backends
 * of the dead server still use its shared memory.
 */
export async function disownStalePidFile(dataFolder: string): Promise<void> {
  const file = path.join(dataFolder, 'postmaster.pid');
  const { pid } = spawnSync('/bin/sh', ['-c', ':']);
  const [, ...rest] = (await readFile(file, 'utf8')).split('\n');
  // Replaced as a whole, because a full disk would leave it empty.
  const replacement = `${file}.new`;
  const { uid, gid, mode } = await stat(file);
  await writeFile(replacement, [pid, ...rest].join('\n'), { mode });
  if (process.getuid?.() === 0) await chown(replacement, uid, gid);
  await rename(replacement, file);
}

/** Removes a `postmaster.pid` that was created on a full disk: PostgreSQL refuses to start while there is an empty one. */
export async function removeEmptyPidFile(dataFolder: string): Promise<void> {
  const file = path.join(dataFolder, 'postmaster.pid');
  const found = await stat(file).catch(() => undefined);
  if (found?.size === 0) await rm(file, { force: true });
}

export type ServerSettings = Readonly<Record<string, string | number>>;

export interface StartOptions {
  program: string;
  dataFolder: string;
  settings: ServerSettings;
  user: ServerUser | undefined;
  logFile: string;
  timeoutMs: number;
}

/**
 * Starts a server in a new session, so that a Ctrl-C meant for the API does not reach it, and waits until it accepts connections.
 * A failure is what the server wrote to its log.
 */
export async function startPostmaster(
  options: StartOptions,
): Promise<{ postmaster: Postmaster } | { failure: string }> {
  const settings = Object.entries(options.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openSync(options.logFile, 'a+');
  let pid: number | undefined;
  const stopOnExit = () => pid !== undefined && signal(pid, 'SIGINT');
  process.once('exit', stopOnExit);
  try {
    const logStart = fstatSync(log).size;
    const child = spawn(options.program, ['-D', options.dataFolder, ...settings], {
      ...options.user,
      cwd: options.dataFolder,
      detached: true,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      stdio: ['ignore', log, log],
    });
    let endMessage = undefined as string | undefined;
    child.once('exit', () => {
      endMessage ??= '';
    });
    child.once('error', (error) => {
      endMessage ??= error.message;
    });
    child.unref();
    pid = child.pid;
    const deadline = performance.now() + options.timeoutMs;
    while (endMessage === undefined && performance.now() < deadline) {
      const postmaster = await readPostmaster(options.dataFolder);
      if (postmaster?.pid === pid && postmaster?.status === 'ready') return { postmaster };
      await sleep(5);
    }
    if (endMessage === undefined) {
      if (pid !== undefined) await stopPostmaster(pid, options.dataFolder);
      return { failure: `It was not ready within ${options.timeoutMs / 1000} s.` };
    }
    const text = Buffer.alloc(Math.min(fstatSync(log).size - logStart, 16_384));
    readSync(log, text, 0, text.length, logStart);
    return { failure: endMessage || text.toString('utf8').trim() || 'It ended without a message.' };
  } finally {
    process.off('exit', stopOnExit);
    closeSync(log);
  }
}

async function endsWithin(pid: number, dataFolder: string, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (!(await isPostmasterOf(pid, dataFolder))) return true;
    await sleep(10);
  }
  return false;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}

/**
 * Stops a server by a fast shutdown (SIGINT: ends the sessions and writes a checkpoint) or, if that takes more than 30 s, by an
 * immediate one (SIGQUIT: the next start replays the log). SIGCONT wakes a stopped process.
 */
export async function stopPostmaster(pid: number, dataFolder: string): Promise<void> {
  signal(pid, 'SIGINT');
  signal(pid, 'SIGCONT');
  if (await endsWithin(pid, dataFolder, 30_000)) return;
  signal(pid, 'SIGQUIT');
  if (await endsWithin(pid, dataFolder, 6_000)) return;
  signal(pid, 'SIGKILL');
  await endsWithin(pid, dataFolder, 1_000);
}
