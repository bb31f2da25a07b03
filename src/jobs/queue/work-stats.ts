import type { Database } from '../../db/database.ts';
import { readSoon } from '../../db/read-soon.ts';
import { type JobState, type Lane, PRIORITIES, type Priority } from './job.ts';

/** What there is to do for all processes together. */
export interface WorkStats {
  /** Of jobs that have not ended. */
  open: {
    lane: Lane;
    priority: Priority;
    jobs: number;
    queuedItems: number;
    runningItems: number;
    /** How long the oldest of the queued items has waited; 0 if none is queued. */
    oldestSeconds: number;
  }[];
  /** Jobs that ended within the last five minutes, by state. */
  ended: { state: JobState; jobs: number }[];
  /** How long ago the lease expired that should have been given back first; 0 if none has. */
  leaseOverdueSeconds: number;
  /** How long the item has been running that was started first; 0 if none runs. */
  longestAttemptSeconds: number;
}

type StatsRow = Omit<WorkStats, 'open'> & {
  open: (Omit<WorkStats['open'][number], 'priority'> & { priority: number })[];
};

/** Jobs know the number of their items by state, so their items are not counted. A retry moves the time of expiry. */
const STATS = `SELECT
  (SELECT coalesce(json_agg(o), '[]') FROM (
     SELECT lane, priority, count(*) AS jobs, sum(queued) AS "queuedItems", sum(running) AS "runningItems",
       greatest(0, extract(epoch FROM now() - min(greatest(created_at, expires_at - make_interval(secs => $1))) FILTER (WHERE queued > 0)))
         AS "oldestSeconds"
     FROM jobs WHERE ended_at IS NULL GROUP BY lane, priority
   ) o) AS open,
  (SELECT coalesce(json_agg(e), '[]') FROM (
     SELECT state, count(*) AS jobs FROM jobs WHERE ended_at > now() - interval '5 minutes' GROUP BY state
   ) e) AS ended,
  (SELECT coalesce(greatest(0, extract(epoch FROM now() - min(lease_until))), 0)::float8 FROM job_items WHERE state = 'running')
    AS "leaseOverdueSeconds",
  (SELECT coalesce(greatest(0, extract(epoch FROM now() - min(started_at))), 0)::float8 FROM job_items WHERE state = 'running')
    AS "longestAttemptSeconds"`;

/**
 * Reads what there is to do.
 *
 * @param expireAfter seconds after which items expire that have not started
 * @returns undefined if the database does not answer within a second
 */
export async function readWorkStats(
  database: Pick<Database, 'pool' | 'isReachable'>,
  expireAfter: number,
): Promise<WorkStats | undefined> {
  return readSoon(database, async () => {
    const { rows } = await database.pool.query<StatsRow>({
      name: 'job-stats',
      text: STATS,
      values: [expireAfter],
    });
    const [{ open, ...stats }] = rows as [StatsRow];
    return {
      ...stats,
      open: open.map(({ priority, ...counts }) => ({
        ...counts,
        priority: PRIORITIES[priority] as Priority,
      })),
    };
  });
}
