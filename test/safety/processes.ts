import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Teardown } from '../support/database.ts';
import { IMAGE_CONCURRENCY } from '../support/image-concurrency.ts';
import { SecretWatch } from '../support/secrets.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Of the kernel's accounting in /proc; 100 on every Linux that Node runs on. */
const CLOCK_TICKS_PER_SECOND = 100;

/** Processor time that the processes have taken so far, in seconds; those that have ended count nothing. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return text === '' ? 0 : (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
    }),
  );
  return times.reduce((sum, time) => sum + time, 0);
}

/** Whether a process with this id lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until the condition holds; false where it does not within the time. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 5000,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

export interface ServerProcess {
  child: ChildProcess;
  port: number;
  /** What it has written so far: its log, and its last words. */
  output: () => string;
  /** The part of it on standard error. */
  errors: () => string;
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  /** Milliseconds until it was ready. */
  startMs: number;
}

/** Of the test run, so that the sources are not compiled at each start. */
const { NODE_COMPILE_CACHE } = process.env;
const compileCache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };

/** `npm start`'s program; its answers are compared with its document. */
const WATCHED_SERVER = [
  process.execPath,
  '--import',
  path.join(ROOT, 'test/support/answers/watch-process.ts'),
  'src/server.ts',
] as const;

/**
 * Runs `npm start`'s program with these settings alone, and gives it back without waiting. It is killed with the test. Its answers
 * are compared with its OpenAPI document, and its output is searched for secrets; what is found fails the test.
 *
 * @param command what to run instead; its answers are not compared
 * @param user id of another user to run it as
 */
export function spawnServer(
  t: Teardown,
  settings: Record<string, string>,
  command: readonly [string, ...string[]] = WATCHED_SERVER,
  user?: number,
): Omit<ServerProcess, 'port' | 'startMs'> {
  const [program, ...parameters] = command;
  const folder = mkdtempSync(path.join(tmpdir(), 'coreframe-answers-'));
  const differences = path.join(folder, 'differences');
  const secrets = path.join(folder, 'secrets');
  const child = spawn(program, parameters, {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...compileCache,
      PORT: '0',
      ...(command.includes('src/server.ts') ? { IMAGE_CONCURRENCY } : {}),
      ANSWER_DIFFERENCES_FILE: differences,
      SECRETS_FILE: secrets,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  let output = '';
  let errors = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  child.stderr.on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    const found = await readFile(differences, 'utf8').catch(() => '');
    const watch = await readSecrets(secrets, settings);
    await rm(folder, { recursive: true });
    watch.search('the output of the process', output);
    watch.requireNone();
    if (found !== '') throw new Error(`Answers that openapi.json does not describe:\n${found}`);
  });
  return { child, output: () => output, errors: () => errors, ended };
}

/** The secrets that a process has received and issued. */
async function readSecrets(file: string, settings: Record<string, string>): Promise<SecretWatch> {
  const watch = new SecretWatch(settings);
  const lines = await readFile(file, 'utf8').catch(() => '');
  for (const line of lines.split('\n').filter((line) => line !== '')) {
    const [what, secret]: [string, string] = JSON.parse(line);
    // The process prints it for whoever sets it up.
    if (what !== 'setup_token') watch.add(what, secret);
  }
  return watch;
}

/** The same, once it is ready. */
export async function startServer(
  t: Teardown,
  settings: Record<string, string>,
  command?: readonly [string, ...string[]],
): Promise<ServerProcess> {
  const start = performance.now();
  const server = spawnServer(t, settings, command);
  const port = () => Number(/is ready: docs at http:\/\/[^:]+:(\d+)\/docs/.exec(server.output())?.[1] ?? 0);
  await Promise.race([eventually(() => port() !== 0, 60_000), server.ended]);
  if (port() === 0) throw new Error(`The server has not started: ${server.output()}`);
  return { ...server, port: port(), startMs: performance.now() - start };
}
