import { randomUUID } from 'node:crypto';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { readWorkStats } from '../../src/jobs/queue/work-stats.ts';
import { eventually } from '../safety/processes.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

/** The value of a sample, whose labels are written as in the text format. */
async function sample({ app }: TestApp, name: string): Promise<number | undefined> {
  const { body } = await app.inject('/metrics');
  const line = body.split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

/** Nobody works on jobs here, so that they stay as they are. */
const IDLE = { JOB_CONCURRENCY: '0' };

t.test('what waits is counted by lane and priority, with the age of the oldest', async (t) => {
  const served = await createTestApp(t, IDLE);
  const { store } = served.services.jobs;
  const { pool } = served.services.database;
  const old = await store.create(LOCAL_OWNER, resizeJob([randomUUID(), randomUUID()]));
  await store.create(LOCAL_OWNER, resizeJob([randomUUID()]));
  await store.create(LOCAL_OWNER, resizeJob([randomUUID()], { priority: 'low' }));
  const inThePast = (id: string) =>
    pool.query(
      "UPDATE jobs SET created_at = created_at - interval '1 hour', expires_at = expires_at - interval '1 hour' WHERE id = $1",
      [id],
    );
  await inThePast(old.job.id);

  const normal = '{lane="images",priority="normal"}';
  t.equal(await sample(served, `coreframe_job_items_queued${normal}`), 3);
  t.equal(await sample(served, `coreframe_jobs_open${normal}`), 2);
  t.equal(await sample(served, `coreframe_job_items_running${normal}`), 0);
  t.equal(await sample(served, 'coreframe_job_items_queued{lane="images",priority="low"}'), 1);
  const age = (await sample(served, `coreframe_job_items_oldest_seconds${normal}`)) ?? 0;
  t.ok(age >= 3600 && age < 3700, `${age} s`);

  t.equal((await served.send('POST', `/jobs/${old.job.id}/cancel`)).statusCode, 200);
  t.equal(await sample(served, 'coreframe_jobs_ended{state="cancelled"}'), 1);
  t.equal((await served.send('POST', `/jobs/${old.job.id}/retry`)).statusCode, 200);
  const retried = (await sample(served, `coreframe_job_items_oldest_seconds${normal}`)) ?? Infinity;
  t.ok(retried < 600, 'items that are tried again have not waited since their job was created');
});

t.test('attempts are counted with their outcome and duration', async (t) => {
  const served = await createTestApp(t, { JOB_CONCURRENCY: '1' });
  const { store } = served.services.jobs;
  const ids = await uploadPictures(served, 2);
  const { job } = await store.create(LOCAL_OWNER, resizeJob([...ids, randomUUID()]));
  await ended(served.services, job.id);
  const labels = (outcome: string) => `{operation="resize",outcome="${outcome}"}`;
  const count = (outcome: string) =>
    sample(served, `coreframe_job_attempt_duration_seconds_count${labels(outcome)}`);
  t.ok(await eventually(async () => (await count('failed')) === 1));
  t.equal(await count('succeeded'), 2);
  t.ok(((await sample(served, `coreframe_job_attempt_duration_seconds_sum${labels('succeeded')}`)) ?? 0) > 0);
  t.equal(await sample(served, 'coreframe_job_worker_capacity{lane="images"}'), 1);
  t.equal(await sample(served, 'coreframe_job_worker_running{lane="images"}'), 0);
  t.equal(await sample(served, 'coreframe_jobs_ended{state="partly_failed"}'), 1);
});

t.test('a lease that expires is seen until it is given back, and then counted', async (t) => {
  const served = await createTestApp(t, { ...IDLE, JOB_LEASE_SECONDS: '10' });
  const { jobs, database } = served.services;
  t.equal(await sample(served, 'coreframe_job_lease_overdue_seconds'), 0);
  await jobs.store.create(LOCAL_OWNER, resizeJob([randomUUID()]));
  t.ok(await jobs.queue.claim('images', randomUUID(), 3600, 'others'));
  t.equal(await sample(served, 'coreframe_job_lease_overdue_seconds'), 0);
  await database.pool.query("UPDATE job_items SET started_at = now() - interval '70 s'");
  t.ok(((await sample(served, 'coreframe_job_longest_attempt_seconds')) ?? 0) >= 70);
  // The server of the tests may have been started just now, so that nothing is given back yet.
  await database.pool.query("UPDATE job_items SET lease_until = now() - interval '500 s'");
  const overdue = await readWorkStats(database, 1);
  const given = () => jobs.expiredLeases();
  t.ok((overdue?.leaseOverdueSeconds ?? 0) >= 500 || given() === 1);
  t.ok(await eventually(async () => given() === 1, 40_000));
  t.equal(await sample(served, 'coreframe_job_lease_overdue_seconds'), 0);
  t.equal(await sample(served, 'coreframe_job_leases_expired_total'), 1);
});

t.test('a scrape with a hundred thousand queued items stays short', async (t) => {
  const served = await createTestApp(t, IDLE);
  const { database } = served.services;
  const scrape = async () => {
    const start = performance.now();
    const stats = await readWorkStats(database, 1);
    return { stats, ms: performance.now() - start };
  };
  await scrape();
  // Half of them in one job, the others in jobs with one item.
  await database.pool.query(
    `WITH new_jobs AS (
       INSERT INTO jobs (id, owner_id, lane, operation, parameters, priority, retention, request_id, expires_at)
       SELECT gen_random_uuid(), $1, 'images', 'resize', '{}', 1, 'kept', 'a', now() + interval '1 day' FROM generate_series(0, 50000)
       RETURNING id
     ), numbered AS (SELECT id, row_number() OVER () AS number FROM new_jobs)
     INSERT INTO job_items (job_id, position, input_type, input_id)
     SELECT id, position, 'image', gen_random_uuid() FROM numbered, generate_series(0, CASE number WHEN 1 THEN 49999 ELSE 0 END) position`,
    [LOCAL_OWNER],
  );
  const times: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    const { stats, ms } = await scrape();
    t.match(stats?.open, [{ lane: 'images', priority: 'normal', jobs: 50_001, queuedItems: 100_000 }]);
    times.push(ms);
  }
  const [fastest = 0] = times.toSorted((a, b) => a - b);
  t.comment(`${times.map(Math.round).join(', ')} ms`);
  t.ok(fastest < 500, `${fastest} ms`);
});
