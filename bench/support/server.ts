import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processTree, treeCpu, treeMemory } from './processes.ts';
import type { CacheCounts, CpuSeconds } from './types.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Node's options and the module, as in `npm start`. */
const [, , ...START] = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).scripts.start.split(
  ' ',
);
const START_TIMEOUT_MS = 30_000;

/** Resident memory in bytes. */
export interface Memory {
  api: number;
  images: number;
  postgres: number;
}

/** A running server. */
export interface BenchServer {
  url: string;
  port: number;
  /** The API process. */
  pid: number;
  /** PostgreSQL's main process. */
  postgresPid: number;
  /** Connection URL of its PostgreSQL. */
  databaseUrl(): Promise<string>;
  cpu(): Promise<CpuSeconds>;
  memory(): Promise<Memory>;
  caches(): Promise<CacheCounts>;
  /** Sends SIGTERM and waits for the exit. The data stays. */
  stop(): Promise<void>;
  /** Kills the API process, but not PostgreSQL. */
  kill(): Promise<void>;
}

/**
 * Starts the server like `npm start`, with its own PostgreSQL on `dataDir`, on a free port. Its log is a file in `dataDir`.
 *
 * @param env settings that differ from the defaults
 */
export async function startServer(dataDir: string, env: NodeJS.ProcessEnv): Promise<BenchServer> {
  const log = path.join(dataDir, `server-${Date.now()}.log`);
  const output = openSync(log, 'a');
  const nodeOptions = process.env.BENCH_NODE_OPTIONS?.split(' ') ?? [];
  const child = spawn(process.execPath, [...nodeOptions, ...START], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env, DATA_DIR: dataDir, PORT: '0' },
    stdio: ['ignore', output, output],
  });
  const exited = once(child, 'exit');
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  const url = await waitForUrl(log, isAlive).catch((error: unknown) => {
    child.kill('SIGTERM');
    throw error;
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('The server has no process id.');
  const postmaster = await readFile(path.join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8');
  const postgresPid = Number(postmaster.split('\n')[0]);
  const isPostgresChild = (await processTree(pid)).some((found) => found.pid === postgresPid);
  return {
    url,
    port: Number(new URL(url).port),
    pid,
    postgresPid,
    databaseUrl: async () => {
      const postgres = path.join(dataDir, 'postgres');
      const password = await readFile(path.join(postgres, 'password'), 'utf8');
      const socket = encodeURIComponent(path.join(postgres, 'run'));
      return `postgresql://coreframe:${encodeURIComponent(password.trim())}@localhost/coreframe?host=${socket}`;
    },
    async cpu() {
      const [tree, postgres] = await Promise.all([processTree(pid), treeCpu(postgresPid)]);
      const api = tree[0]?.cpu ?? 0;
      const all = tree.reduce((total, { cpu, childrenCpu }) => total + cpu + childrenCpu, 0);
      const images = all - api - (isPostgresChild ? postgres : 0);
      // Each time is rounded to ticks, so the difference may be slightly negative.
      return { api, images: Math.max(0, Math.round(images * 100) / 100), postgres };
    },
    async memory() {
      const ofPostgres = await treeMemory(postgresPid);
      const ours = await treeMemory(pid, new Set(ofPostgres.pids));
      return { api: ours.root, images: ours.total - ours.root, postgres: ofPostgres.total };
    },
    caches: () => readCaches(url),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Waits for the address of the docs in the log. */
export async function waitForUrl(log: string, isAlive: () => boolean): Promise<string> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    for await (const line of createInterface({ input: createReadStream(log) })) {
      const url = /(http:\S+)\/docs\b/.exec(line)?.[1];
      if (url) return url;
    }
    if (!isAlive() || performance.now() > deadline) {
      throw new Error(`The server did not start:\n${await readFile(log, 'utf8')}`);
    }
    await sleep(20);
  }
}

async function readCaches(url: string): Promise<CacheCounts> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string, cache: string) =>
    Number(
      new RegExp(`^coreframe_cache_${name}_total\\{cache="${cache}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0,
    );
  return Object.fromEntries(
    ['disk', 'memory'].map((cache) => [
      cache,
      { hits: value('hits', cache), misses: value('misses', cache) },
    ]),
  );
}

/** Intervals in seconds of a 10 ms timer in the API process, since the last call. */
export async function eventLoopDelay({ url }: BenchServer): Promise<{ p99: number; longest: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) =>
    Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1]);
  return { p99: value('p99'), longest: value('max') };
}

/** Bytes of the API process outside of its JavaScript heap: in buffers, and resident. */
export async function outsideOfHeap({ url }: BenchServer): Promise<{ external: number; resident: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name}_bytes (\\S+)$`, 'm').exec(text)?.[1]);
  return {
    external: value('nodejs_external_memory'),
    resident: value('process_resident_memory') - value('nodejs_heap_size_total'),
  };
}
