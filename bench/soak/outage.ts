import { setTimeout as sleep } from 'node:timers/promises';
import { observeOutage, signalTree } from '../../test/safety/outages.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const DURATION_MS = 20_000;
const MAX_MS_TO_FAIL = 2_000;
const MAX_MS_TO_RECOVER = 5_000;

/**
 * PostgreSQL hangs for 20 s under requests. The figures are the time that the slowest request took to fail, and the time from
 * the return of PostgreSQL to the first successful upload.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const server = await stage.startServer();
    await sleep(1000);
    const report = await observeOutage({
      port: server.port,
      durationMs: DURATION_MS,
      begin: () => signalTree(server.postgresPid, 'SIGSTOP'),
      end: () => signalTree(server.postgresPid, 'SIGCONT'),
    });
    const { statuses, withoutRetryAfter, slowestFailureMs, readyStatus, lost, recoveryMs } = report;
    const failures: string[] = [];
    const hold = (isHeld: boolean, what: string) => isHeld || failures.push(what);
    hold(report.failed > 0, 'No request failed: there was no outage.');
    hold(
      [...statuses].every((status) => [200, 201, 503].includes(status)),
      `Statuses: ${[...statuses]}`,
    );
    hold(withoutRetryAfter === 0, `${withoutRetryAfter} answers had no Retry-After.`);
    hold(slowestFailureMs <= MAX_MS_TO_FAIL, 'A request took too long to fail.');
    hold(readyStatus === 503, `/health/ready was ${readyStatus}.`);
    hold(lost === 0, `${lost} acknowledged images are lost.`);
    hold(recoveryMs <= MAX_MS_TO_RECOVER, 'Recovery took too long.');
    return {
      figures: {
        slowest_failure_ms: Math.round(slowestFailureMs),
        recovery_ms: Math.round(recoveryMs),
        answered: report.answered,
        failed: report.failed,
        lost,
      },
      failures,
    };
  });
