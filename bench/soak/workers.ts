import { observeWorkerKills } from '../../test/workers/worker-kills.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const ITEMS = 1_000;
const KILLS = 100;
const API_KILLS = 20;
const BROKER_KILLS = 3;
const MAX_MS_UNTIL_UNDER_WAY = 30_000;

/**
 * 1,000 items in 100 jobs on three workers, of which a random one is killed while each job runs. The API is killed 20 times, and the
 * broker three times; the last time, its data is wiped.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const report = await observeWorkerKills(stage, {
      items: ITEMS,
      kills: KILLS,
      apiKills: API_KILLS,
      brokerKills: BROKER_KILLS,
    });
    const failures = [...report.wrong];
    if (report.artifacts !== ITEMS) failures.push(`There are ${report.artifacts} results of ${ITEMS} items.`);
    if (report.slowestMs > MAX_MS_UNTIL_UNDER_WAY)
      failures.push(`After a kill it took ${report.slowestMs} ms until all was begun again.`);
    return {
      figures: {
        kills: KILLS,
        succeeded: report.succeeded,
        repeated: report.repeated,
        begun_again_ms: Math.round(report.slowestMs),
      },
      failures,
    };
  });
