import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../safety/processes.ts';
import type { Broker } from './rabbitmq.ts';
import type { WorkerFleet } from './worker-processes.ts';

export interface BrokerOutage {
  /** The statuses of the requests that became jobs while the broker was away. */
  statuses: number[];
  /** Permits that counted as sent although nobody could take them. */
  sent: number;
  metrics: string;
  readyStatus: number;
  /** Items that have succeeded in the end. */
  succeeded: number;
  /** From the start of the broker until all had ended. */
  recoveryMs: number;
}

/** Images that it takes. */
export const OUTAGE_PICTURES = 10;
const AT_ONCE = 10;

/** The broker dies, jobs with one item each are submitted all the time, and it comes back. */
export async function observeBrokerOutage(
  { app, apiUrl }: WorkerFleet,
  imageIds: readonly string[],
  broker: Broker,
  { jobs, durationMs }: { jobs: number; durationMs: number },
): Promise<BrokerOutage> {
  const { pool } = app.services.database;
  await broker.kill();
  const statuses: number[] = [];
  for (let first = 0; first < jobs; first += AT_ONCE) {
    const submit = async (index: number) => {
      const path = `/images/${imageIds[index % imageIds.length]}/resize`;
      const width = 20 + Math.floor(index / imageIds.length);
      const { statusCode } = await app.send('POST', path, { width }, { prefer: 'respond-async' });
      statuses.push(statusCode);
    };
    const count = Math.min(AT_ONCE, jobs - first);
    await Promise.all(Array.from({ length: count }, (_, index) => submit(first + index)));
    await sleep((durationMs * count) / jobs);
  }
  const { rows } = await pool.query('SELECT FROM work_permits WHERE sent_at IS NOT NULL');
  const metrics = await (await fetch(`${apiUrl}/metrics`)).text();
  const { status: readyStatus } = await fetch(`${apiUrl}/health/ready`);
  await broker.start();
  const start = performance.now();
  const count = async () => {
    const { rows } = await pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM job_items WHERE state = 'succeeded'`,
    );
    return rows[0]?.count ?? 0;
  };
  await eventually(async () => (await count()) >= jobs, 300_000);
  const recoveryMs = performance.now() - start;
  return { statuses, sent: rows.length, metrics, readyStatus, succeeded: await count(), recoveryMs };
}
