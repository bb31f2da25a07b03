import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { exchange } from '../safety/connection.ts';
import { head } from '../safety/listening.ts';
import { jsonOf, postJson } from '../safety/operations.ts';
import { eventually } from '../safety/processes.ts';

interface JobOutage {
  /** Where the API listens. */
  port: number;
  databaseUrl: string;
  imageIds: readonly string[];
  durationMs: number;
  begin(): Promise<unknown>;
  /** The database is back when it resolves. */
  end(): Promise<unknown>;
}

export interface JobOutageReport {
  /** Jobs whose submission was acknowledged, and those of them that have succeeded. */
  submitted: number;
  succeeded: number;
  refused: number;
  /** Of refused submissions. */
  statuses: number[];
  withoutRetryAfter: number;
  /** Deaths that were counted, although no process died. */
  deaths: number;
  /** From the database's return until a job that was submitted after it had succeeded. */
  recoveryMs: number;
}

/** Submits jobs before, during and after an outage of the database, and tells what became of them. */
export async function observeJobOutage(outage: JobOutage): Promise<JobOutageReport> {
  const { port, databaseUrl, imageIds, durationMs, begin, end } = outage;
  const submitted: string[] = [];
  const statuses = new Set<number>();
  let refused = 0;
  let withoutRetryAfter = 0;
  let width = 20;
  let isOver = false;
  const submit = async (): Promise<string | undefined> => {
    width += 1;
    const body = { operation: 'resize', parameters: { width }, image_ids: imageIds };
    const answer = await exchange(port, postJson('/jobs', body), { timeoutMs: 30_000 });
    if (answer.status === 201) {
      submitted.push(jsonOf(answer).id);
      return submitted.at(-1);
    }
    refused += 1;
    statuses.add(answer.status);
    if (answer.headers['retry-after'] === undefined) withoutRetryAfter += 1;
    return undefined;
  };
  const client = (async () => {
    while (!isOver) {
      await submit();
      await sleep(300);
    }
  })();
  const stateOf = async (id: string): Promise<string> => {
    const answer = await exchange(port, head('GET', `/jobs/${id}`));
    return answer.status === 200 ? jsonOf(answer).state : '';
  };
  await sleep(1000);
  await begin();
  await sleep(durationMs);
  await end();
  const start = performance.now();
  isOver = true;
  await client;
  const before = submitted.length;
  await eventually(async () => (await submit()) !== undefined, 30_000);
  const next = submitted[before] ?? '';
  await eventually(async () => (await stateOf(next)) === 'succeeded', 60_000);
  const recoveryMs = performance.now() - start;
  let succeeded = 0;
  for (const id of submitted)
    if (await eventually(async () => (await stateOf(id)) === 'succeeded', 60_000)) succeeded += 1;
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  const { rows } = await database.query<{ deaths: number }>(
    'SELECT sum(deaths)::int AS deaths FROM job_items',
  );
  await database.end();
  return {
    submitted: submitted.length,
    succeeded,
    refused,
    statuses: [...statuses],
    withoutRetryAfter,
    deaths: rows[0]?.deaths ?? Number.NaN,
    recoveryMs,
  };
}
