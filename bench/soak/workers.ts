import { uploadPictures } from '../../test/jobs/support.ts';
import { OUTAGE_PICTURES, observeBrokerOutage } from '../../test/workers/broker-outage.ts';
import { startBroker } from '../../test/workers/rabbitmq.ts';
import { observeWorkerKills } from '../../test/workers/worker-kills.ts';
import { isReady, openWorkers } from '../../test/workers/worker-processes.ts';
import { onStage, type Stage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const ITEMS = 1_000;
const KILLS = 100;
const API_KILLS = 20;
const BROKER_KILLS = 3;
const OUTAGE_JOBS = 1_000;
const OUTAGE_MS = 60_000;
const MAX_MS_UNTIL_UNDER_WAY = 30_000;

/**
 * 1,000 items in 100 jobs on three workers, of which a random one is killed while each job runs. The API is killed 20 times, and the
 * broker three times; the last time, its data is wiped. Then the broker is away for a minute while 1,000 jobs are submitted.
 */
export const soak: Soak = async () => {
  const failures: string[] = [];
  const killed = await onStage((stage) => kill(stage, failures));
  const outlasted = await onStage((stage) => outlast(stage, failures));
  return { figures: { ...killed, ...outlasted }, failures };
};

async function kill(stage: Stage, failures: string[]): Promise<Record<string, number>> {
  const report = await observeWorkerKills(stage, {
    items: ITEMS,
    kills: KILLS,
    apiKills: API_KILLS,
    brokerKills: BROKER_KILLS,
  });
  failures.push(...report.wrong);
  if (report.artifacts !== ITEMS) failures.push(`There are ${report.artifacts} results of ${ITEMS} items.`);
  if (report.slowestMs > MAX_MS_UNTIL_UNDER_WAY)
    failures.push(`After a kill it took ${report.slowestMs} ms until all was begun again.`);
  return {
    kills: KILLS,
    succeeded: report.succeeded,
    repeated: report.repeated,
    begun_again_ms: Math.round(report.slowestMs),
  };
}

/** The broker is away for a minute while jobs are submitted. */
async function outlast(stage: Stage, failures: string[]): Promise<Record<string, number>> {
  const broker = await startBroker(stage);
  const fleet = await openWorkers(stage, broker.url);
  await isReady(fleet.start());
  const ids = await uploadPictures(fleet.app, OUTAGE_PICTURES);
  const options = { jobs: OUTAGE_JOBS, durationMs: OUTAGE_MS };
  const { statuses, sent, succeeded, recoveryMs } = await observeBrokerOutage(fleet, ids, broker, options);
  const refused = statuses.filter((status) => status !== 202);
  if (refused.length > 0)
    failures.push(`${refused.length} of ${OUTAGE_JOBS} requests were refused: ${refused}`);
  if (sent > 0) failures.push(`${sent} permits counted as sent.`);
  if (succeeded !== OUTAGE_JOBS) failures.push(`${OUTAGE_JOBS - succeeded} jobs are lost.`);
  return {
    outage_jobs: statuses.length,
    outage_succeeded: succeeded,
    outage_recovery_ms: Math.round(recoveryMs),
  };
}
