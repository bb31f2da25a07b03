import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerUser } from './server-user.ts';

/** What a server says of itself in the `postmaster.pid` of its data folder. */
export interface Postmaster {
  pid: number;
  port: number;
  /** Empty if it listens on TCP only. */
  socketFolder: string;
  /** Empty if it listens on its socket only. */
  address: string;
  status: string;
}

/**
 * Reads `postmaster.pid` (format: PostgreSQL's src/include/utils/pidfile.h), undefined if there is none. The lines
 * after the first appear one after the other while the server starts.
 */
export async function readPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  const text = await readFile(path.join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => undefined);
  const [pid, , , port, socketFolder, address, , status] = text?.split('\n') ?? [];
  if (!pid) return undefined;
  return {
    pid: Number(pid),
    port: Number(port ?? 0),
    socketFolder: socketFolder ?? '',
    address: address ?? '',
    status: status?.trim() ?? '',
  };
}

/** Whether a process with this id is there, zombies aside. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/^\d+ \(.*\) Z /s.test(state);
}

/** Whether the process is a server of this data folder, and not one that got the id of a dead server. */
export async function isPostmasterOf(pid: number, dataFolder: string): Promise<boolean> {
  if (!(await isRunning(pid))) return false;
  const folder = await realpath(dataFolder);
  if (process.platform === 'linux') {
    // A server works in its data folder.
    return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === folder;
  }
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes(folder);
}

/**
 * Makes a server's leftover `postmaster.pid` one that PostgreSQL takes over: it refuses if any process of the same user
 * has the id in it. Only the id is replaced, by that of a process that just ended; the rest lets PostgreSQL see whether
 * orphaned backends of the dead server still use its shared memory.
 */
export async function disownStalePidFile(dataFolder: string): Promise<void> {
  const file = path.join(dataFolder, 'postmaster.pid');
  const { pid } = spawnSync('/bin/sh', ['-c', ':']);
  const [, ...rest] = (await readFile(file, 'utf8')).split('\n');
  await writeFile(file, [pid, ...rest].join('\n'));
}

export interface StartOptions {
  program: string;
  dataFolder: string;
  settings: Readonly<Record<string, string | number>>;
  user: ServerUser | undefined;
  logFile: string;
  timeoutMs: number;
}

export type StartResult = { postmaster: Postmaster } | { failure: string };

/**
 * Starts a server in a session of its own, so that a Ctrl-C meant for the API does not reach it, and waits until it takes
 * connections. A failure is what the server wrote to its log.
 */
export async function startPostmaster(options: StartOptions): Promise<StartResult> {
  const settings = Object.entries(options.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openSync(options.logFile, 'a+');
  try {
    const logStart = fstatSync(log).size;
    const child = spawn(options.program, ['-D', options.dataFolder, ...settings], {
      ...options.user,
      cwd: options.dataFolder,
      detached: true,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      stdio: ['ignore', log, log],
    });
    let ended = false;
    const end = once(child, 'exit').then(
      () => undefined,
      (error: Error) => error,
    );
    const failed = end.then((error) => {
      ended = true;
      return error?.message;
    });
    child.unref();
    const deadline = performance.now() + options.timeoutMs;
    while (!ended && performance.now() < deadline) {
      const postmaster = await readPostmaster(options.dataFolder);
      if (postmaster?.pid === child.pid && postmaster?.status === 'ready') return { postmaster };
      await sleep(5);
    }
    if (!ended) {
      if (child.pid !== undefined) await stopPostmaster(child.pid, options.dataFolder);
      return { failure: `It was not ready within ${options.timeoutMs / 1000} s.` };
    }
    const text = Buffer.alloc(Math.min(fstatSync(log).size - logStart, 16_384));
    readSync(log, text, 0, text.length, logStart);
    return { failure: ((await failed) ?? text.toString('utf8').trim()) || 'It ended without a word.' };
  } finally {
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

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}

/**
 * Stops a server: by a fast shutdown (SIGINT: sessions are ended, a checkpoint written), and if that takes more than 30 s
 * by an immediate one (SIGQUIT: the next start replays the log), which a hung server gets after SIGCONT.
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
