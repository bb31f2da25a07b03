import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { openEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { exchange } from './connection.ts';
import { head, listen, newPicture, uploadOver } from './listening.ts';
import { jsonOf, postJson } from './operations.ts';

/** What clients saw of an outage. */
export interface OutageReport {
  answered: number;
  failed: number;
  statuses: Set<number>;
  slowestFailureMs: number;
  withoutRetryAfter: number;
  /** Acknowledged images whose content can't be read afterwards. */
  lost: number;
  /** From the database's return to the first upload that succeeds. */
  recoveryMs: number;
  /** Of `/health/ready` in the middle of the outage. */
  readyStatus: number;
}

/** A server and the processes of its connections. */
async function processTree(pid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const isChild = async (candidate: number) => {
    const text = await readFile(`/proc/${candidate}/stat`, 'utf8').catch(() => '');
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(text)?.[1]) === pid;
  };
  const children = await Promise.all(
    pids.map(async (candidate) => ((await isChild(candidate)) ? [candidate] : [])),
  );
  return [pid, ...children.flat()];
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended in the meantime.
  }
}

/** Signals a server and the processes of its connections. */
export async function signalTree(pid: number, signal: NodeJS.Signals): Promise<void> {
  // A stopped server starts no process for another connection while the list is made.
  send(pid, 'SIGSTOP');
  for (const member of await processTree(pid)) send(member, signal);
}

export interface Outage {
  /** Where the API listens. */
  port: number;
  begin(): Promise<unknown>;
  /** The database is back when it resolves. */
  end(): Promise<unknown>;
  durationMs: number;
}

/** Has clients upload, list and resize before, during and after an outage of the database, and tells what they saw. */
export async function observeOutage({ port, begin, end, durationMs }: Outage): Promise<OutageReport> {
  const first = jsonOf(await uploadOver(port, await newPicture())).results[0].image.id as string;
  const acknowledged: string[] = [first];
  const report: OutageReport = {
    answered: 0,
    failed: 0,
    statuses: new Set(),
    slowestFailureMs: 0,
    withoutRetryAfter: 0,
    lost: 0,
    recoveryMs: 0,
    readyStatus: 0,
  };
  let isOver = false;
  let width = 1;
  const requests = [
    async () => uploadOver(port, await newPicture()),
    async () => exchange(port, head('GET', '/images')),
    async () => {
      width += 1;
      return exchange(port, postJson(`/images/${first}/resize`, { width }));
    },
  ];
  const clients = requests.map(async (send) => {
    while (!isOver) {
      const answer = await send();
      report.statuses.add(answer.status);
      if (answer.status < 300) {
        report.answered += 1;
        const results = answer.status === 201 ? jsonOf(answer).results : undefined;
        if (results) acknowledged.push(results[0].image.id);
      } else {
        report.failed += 1;
        report.slowestFailureMs = Math.max(report.slowestFailureMs, answer.ms);
        if (answer.headers['retry-after'] === undefined) report.withoutRetryAfter += 1;
      }
      await sleep(20);
    }
  });
  await sleep(500);
  await begin();
  await sleep(durationMs - 500);
  report.readyStatus = (await exchange(port, head('GET', '/health/ready'))).status;
  await sleep(500);
  await end();
  const start = performance.now();
  while ((await uploadOver(port, await newPicture())).status !== 201) await sleep(50);
  report.recoveryMs = performance.now() - start;
  isOver = true;
  await Promise.all(clients);
  for (const id of acknowledged) {
    const content = await exchange(port, head('GET', `/images/${id}/content`));
    if (content.status !== 200 || !content.isWhole) report.lost += 1;
  }
  return report;
}

/** An outage of a database server of the test's own, which `hangs` (SIGSTOP) or `dies` (SIGKILL, and is started again). */
export async function runOutage(t: Test, kind: 'hangs' | 'dies', durationMs: number): Promise<OutageReport> {
  const dataDir = await makeReachableFolder(t);
  let database = await openEmbeddedServer({ dataDir });
  t.teardown(() => database.close());
  const { port } = await listen(t, { DATABASE_URL: database.url });
  if (kind === 'hangs') {
    const { pid } = database;
    return observeOutage({
      port,
      durationMs,
      begin: () => signalTree(pid, 'SIGSTOP'),
      end: () => signalTree(pid, 'SIGCONT'),
    });
  }
  return observeOutage({
    port,
    durationMs,
    begin: () => signalTree(database.pid, 'SIGKILL'),
    end: async () => {
      const dead = database;
      database = await openEmbeddedServer({ dataDir });
      await dead.close();
    },
  });
}
