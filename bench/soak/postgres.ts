import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OutageReport, observeOutage } from '../../test/safety/outages.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const TIMES = 5;
const MAX_MS_TO_RECOVER = 5_000;
/** From the event until clients try to upload again. */
const PAUSE_MS = 600;
const FULL_MS = 3_000;

/** Takes all room that is left on the disk. */
function fill(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (let size = 1024 * 1024; size >= 4096; ) {
      try {
        writeSync(descriptor, Buffer.alloc(size));
      } catch {
        size /= 2;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Under requests, the embedded PostgreSQL is killed, one of its connections is killed, it is stopped, and its disk is filled for
 * 3 s, 5 times each. The figures are the longest times until an upload succeeded again.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    stage.limitDisk('size=900m,mode=755');
    const server = await stage.startServer();
    const pidFile = path.join(stage.folder, 'postgres/data/postmaster.pid');
    const postmaster = () => Number(readFileSync(pidFile, 'latin1').split('\n')[0]);
    const filler = path.join(stage.folder, 'filler');
    const nothing = async () => {};
    const events = {
      killed: {
        begin: async () => process.kill(postmaster(), 'SIGKILL'),
        end: nothing,
        durationMs: PAUSE_MS,
      },
      stopped: {
        begin: async () => process.kill(postmaster(), 'SIGINT'),
        end: nothing,
        durationMs: PAUSE_MS,
      },
      stopped_at_once: {
        begin: async () => process.kill(postmaster(), 'SIGQUIT'),
        end: nothing,
        durationMs: PAUSE_MS,
      },
      full: {
        begin: async () => fill(filler),
        end: async () => rmSync(filler, { force: true }),
        durationMs: FULL_MS,
      },
    };
    const figures: Record<string, number> = {};
    const failures: string[] = [];
    for (const [name, event] of Object.entries(events)) {
      const reports: OutageReport[] = [];
      for (let time = 0; time < TIMES; time += 1) {
        reports.push(await observeOutage({ port: server.port, ...event }));
        await sleep(500);
      }
      const before = name === 'full' ? 0 : PAUSE_MS;
      const slowest = Math.round(Math.max(...reports.map(({ recoveryMs }) => recoveryMs)) + before);
      const statuses = [...new Set(reports.flatMap((report) => [...report.statuses]))].sort();
      const sum = (key: 'answered' | 'failed' | 'lost' | 'withoutRetryAfter') =>
        reports.reduce((total, report) => total + report[key], 0);
      figures[`${name}_recovery_ms`] = slowest;
      console.log(
        `${name} ${TIMES} times: back after ${slowest} ms at the latest, ${sum('answered')} requests succeeded, ` +
          `${sum('failed')} failed, statuses ${statuses.join(', ')}, ${sum('lost')} acknowledged images lost`,
      );
      if (slowest > MAX_MS_TO_RECOVER) failures.push(`${name}: recovery took ${slowest} ms.`);
      if (sum('lost') > 0) failures.push(`${name}: ${sum('lost')} acknowledged images are lost.`);
      if (sum('withoutRetryAfter') > 0) failures.push(`${name}: answers without Retry-After.`);
      const odd = statuses.filter((status) => ![200, 201, 503].includes(status));
      if (odd.length > 0) failures.push(`${name}: statuses ${odd.join(', ')}.`);
    }
    return { figures, failures };
  });
