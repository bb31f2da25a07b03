import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { isRunning } from '../../src/db/embedded/postmaster.ts';
import { median } from '../support/compare.ts';
import { formOf } from '../support/form.ts';
import { type ProcessSample, processTree } from '../support/processes.ts';
import { ROOT, waitForUrl } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const TIMES = 20;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** Who gets the signal. SIGHUP to the terminal is its end: the window was closed. */
const TARGETS = ['npm', 'node', 'terminal'] as const;
/** From the start of the requests until the signal. */
const LOAD_MS = 400;
/** More than SHUTDOWN_GRACE_MS. */
const MAX_STOP_MS = 25_000;

type Signal = (typeof SIGNALS)[number];
type Target = (typeof TARGETS)[number];

interface Running {
  url: string;
  send(signal: Signal): void;
  /** Every process that must end. */
  pids: number[];
}

/** Ids of images whose upload was answered, and the hashes of their bytes. */
type Acknowledged = Map<string, string>;

async function start(target: Target, dataDir: string): Promise<Running> {
  const log = path.join(dataDir, `signals-${Date.now()}.log`);
  const output = openSync(log, 'a');
  const isTerminal = target === 'terminal';
  // `script` runs a command on a terminal of its own.
  const [program, args] = isTerminal
    ? ['script', ['--quiet', '--flush', '--command', 'npm start', '/dev/null']]
    : ['npm', ['start']];
  const child = spawn(program as string, args as string[], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, DATA_DIR: dataDir, PORT: '0' },
    detached: true,
    stdio: ['ignore', output, output],
  });
  const url = await waitForUrl(log, () => child.exitCode === null && child.signalCode === null);
  const { pid = 0 } = child;
  const tree = await processTree(pid);
  const node = await serverIn(tree);
  const pidFile = path.join(dataDir, 'postgres/data/postmaster.pid');
  const postgres = Number((await readFile(pidFile, 'utf8')).split('\n')[0]);
  return {
    url,
    pids: [...tree.map((found) => found.pid), ...(await processTree(postgres)).map((found) => found.pid)],
    send(signal) {
      if (target === 'node') process.kill(node.pid, signal);
      else if (!isTerminal) process.kill(pid, signal);
      else if (signal === 'SIGHUP') process.kill(pid, 'SIGKILL');
      // The command of `script` leads the terminal's process group.
      else process.kill(-(tree[1] as ProcessSample).pid, signal);
    },
  };
}

async function serverIn(tree: readonly ProcessSample[]): Promise<ProcessSample> {
  for (const found of tree) {
    const command = (await readFile(`/proc/${found.pid}/cmdline`, 'utf8')).split('\0');
    if (command.at(-2) === 'src/server.ts') return found;
  }
  throw new Error('The server is not among the processes.');
}

/** Uploads new pictures and resizes them until the server does not answer any more. */
async function useServer(url: string, acknowledged: Acknowledged): Promise<void> {
  try {
    for (;;) {
      const raw = { width: 200, height: 200, channels: 3 as const };
      const bytes = await sharp(randomBytes(200 * 200 * 3), { raw })
        .png()
        .toBuffer();
      const response = await fetch(`${url}/images`, { method: 'POST', body: formOf('files', bytes) });
      if (response.status !== 201) return;
      const { results } = (await response.json()) as { results: { image: { id: string } }[] };
      const id = (results[0] as { image: { id: string } }).image.id;
      acknowledged.set(id, createHash('sha256').update(bytes).digest('hex'));
      await fetch(`${url}/images/${id}/resize?width=50`).then((answer) => answer.arrayBuffer());
    }
  } catch {
    // The server has stopped.
  }
}

/** @returns milliseconds until all processes had ended, undefined if some have not */
async function waitForEnd(pids: readonly number[]): Promise<number | undefined> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < MAX_STOP_MS) {
    const running = await Promise.all(pids.map(isRunning));
    if (!running.includes(true)) return performance.now() - startedAt;
    await sleep(20);
  }
  return undefined;
}

async function countLost(url: string, acknowledged: Acknowledged): Promise<number> {
  let lost = 0;
  for (const [id, hash] of acknowledged) {
    const answer = await fetch(`${url}/images/${id}/content`);
    const found = createHash('sha256')
      .update(new Uint8Array(await answer.arrayBuffer()))
      .digest('hex');
    if (found !== hash) lost++;
  }
  return lost;
}

/**
 * Sends SIGTERM, SIGINT and SIGHUP to `npm start`, to the server's process and to the processes of a terminal, under uploads and
 * resizes, and waits until everything has ended: npm, the server, its image processes and PostgreSQL.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const figures: Record<string, number> = {};
    const failures: string[] = [];
    const acknowledged: Acknowledged = new Map();
    for (const target of TARGETS) {
      for (const signal of SIGNALS) {
        const times: number[] = [];
        for (let time = 0; time < TIMES; time++) {
          const server = await start(target, stage.folder);
          const clients = [useServer(server.url, acknowledged), useServer(server.url, acknowledged)];
          await sleep(LOAD_MS * (0.5 + Math.random()));
          server.send(signal);
          const ms = await waitForEnd(server.pids);
          if (ms === undefined) {
            failures.push(`${signal} to ${target}: processes were left running.`);
            for (const pid of server.pids) if (await isRunning(pid)) process.kill(pid, 'SIGKILL');
          } else {
            times.push(ms);
          }
          await Promise.all(clients);
        }
        const [half, longest] = [Math.round(median(times)), Math.round(Math.max(...times))];
        figures[`${target}_${signal.toLowerCase()}_ms`] = longest;
        console.log(
          `${signal} to ${target}, ${times.length} of ${TIMES} times: ended within ${half} ms (median), ${longest} ms (longest)`,
        );
      }
    }
    const server = await stage.startServer();
    const lost = await countLost(server.url, acknowledged);
    console.log(`${acknowledged.size} images acknowledged, ${lost} lost`);
    if (lost > 0) failures.push(`${lost} acknowledged images are lost.`);
    return { figures: { ...figures, acknowledged: acknowledged.size, lost }, failures };
  });
