import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { treeCpu } from './processes.ts';

const FOLDER = fileURLToPath(new URL('../peers', import.meta.url));
const START_TIMEOUT_MS = 30_000;

/** A service in Python. */
export interface Peer {
  port: number;
  url: string;
  /** CPU seconds of all its processes so far. */
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * The Python of a virtual environment with the peers' requirements. It is made once for each version of them, which takes a minute.
 *
 * @throws Error with the reason if it cannot be made
 */
export function peerPython(): string {
  const requirements = path.join(FOLDER, 'requirements.txt');
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = path.join(tmpdir(), `coreframe-peers-${userInfo().uid}-${hash}`);
  const [python, isComplete] = [path.join(folder, 'bin', 'python'), path.join(folder, 'complete')];
  if (existsSync(isComplete)) return python;
  const run = (command: string, ...parameters: string[]) => {
    const { status, stderr, error } = spawnSync(command, parameters, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ${parameters.join(' ')}: ${error?.message ?? stderr}`);
  };
  run(process.env.PYTHON ?? 'python3', '-m', 'venv', folder);
  run(python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements);
  writeFileSync(isComplete, '');
  return python;
}

/** Starts the image service with two workers. */
export function startImagePeer(python: string, databaseUrl: string): Promise<Peer> {
  return start(python, databaseUrl, (port) => [
    ...['-m', 'uvicorn', 'image_service:app', '--port', String(port)],
    ...['--workers', '2', '--log-level', 'warning'],
  ]);
}

/** Starts the service of image logs, with a thread for each request. */
export function startLogPeer(python: string, databaseUrl: string): Promise<Peer> {
  return start(python, databaseUrl, () => ['log_service.py']);
}

async function start(
  python: string,
  databaseUrl: string,
  parameters: (port: number) => string[],
): Promise<Peer> {
  const port = await freePort();
  const child = spawn(python, parameters(port), {
    cwd: FOLDER,
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(child, url);
  } catch {
    await stop();
    throw new Error(`${parameters(port).join(' ')} did not start:\n${errors}`);
  }
  return { port, url, cpu: () => treeCpu(child.pid ?? 0), stop };
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const isReady = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('It does not answer.');
    await sleep(50);
  }
}

/** A port that is free at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('There is no free port.');
  return address.port;
}
