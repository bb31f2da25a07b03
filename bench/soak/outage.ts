import { setTimeout as sleep } from 'node:timers/promises';
import { observeOutage, signalTree } from '../../test/safety/outages.ts';
import { startServer, withDataFolder } from '../support/server.ts';
import type { Soak } from '../support/types.ts';

const DURATION_MS = 20_000;
const MOST_MS_TO_FAIL = 2_000;
const MOST_MS_TO_RECOVER = 5_000;

/**
 * PostgreSQL hangs for 20 s under requests: how long the slowest of them took to fail, and from its return to the first upload
 * that succeeds, in milliseconds.
 */
export const soak: Soak = () =>
  withDataFolder(async (folder) => {
    const server = await startServer(folder);
    try {
      await sleep(1000);
      const report = await observeOutage({
        port: server.port,
        durationMs: DURATION_MS,
        begin: () => signalTree(server.postgresPid, 'SIGSTOP'),
        end: () => signalTree(server.postgresPid, 'SIGCONT'),
      });
      const failures: string[] = [];
      const hold = (isHeld: boolean, what: string) => isHeld || failures.push(what);
      hold(report.failed > 0, 'No request failed: there was no outage.');
      hold(
        [...report.statuses].every((status) => [200, 201, 503].includes(status)),
        `Statuses: ${[...report.statuses]}`,
      );
      hold(report.withoutRetryAfter === 0, `${report.withoutRetryAfter} answers had no Retry-After.`);
      hold(report.slowestFailureMs <= MOST_MS_TO_FAIL, 'A request took too long to fail.');
      hold(report.readyStatus === 503, `/health/ready was ${report.readyStatus}.`);
      hold(report.lost === 0, `${report.lost} acknowledged images are lost.`);
      hold(report.recoveryMs <= MOST_MS_TO_RECOVER, 'It took too long to work again.');
      return {
        figures: {
          slowest_failure_ms: Math.round(report.slowestFailureMs),
          recovery_ms: Math.round(report.recoveryMs),
          answered: report.answered,
          failed: report.failed,
          lost: report.lost,
        },
        failures,
      };
    } finally {
      await server.stop();
    }
  });
