import { randomUUID } from 'node:crypto';
import type { Pool, QueryConfig, QueryResult } from 'pg';
import t, { type Test } from 'tap';
import { LOCAL_OWNER, type OwnerId } from '../../src/auth/owner.ts';
import { BlobRegistry } from '../../src/blobs/postgres/blob-registry.ts';
import { PostgresBlobStore } from '../../src/blobs/postgres/postgres-blob-store.ts';
import type { ClaimedItem, NewJob } from '../../src/jobs/queue/job.ts';
import { JobStore } from '../../src/jobs/queue/job-store.ts';
import { WorkQueue } from '../../src/jobs/queue/work-queue.ts';
import { createTestDatabase } from '../support/database.ts';
import { resizeJob } from './support.ts';

const LEASE_S = 20;
const RESULT = { artifactId: randomUUID(), isNew: true };
const PROBLEM = { code: 'decoder_crashed', detail: 'It crashed.' };

/** A queue without workers: each test does what they would do. */
async function openQueue(t: Test) {
  const database = await (await createTestDatabase(t)).open();
  const blobs = new BlobRegistry(new PostgresBlobStore(database.pool));
  const queue = new WorkQueue(database, blobs);
  const store = new JobStore({ database, blobs, expireAfter: 3600 });
  const { pool } = database;
  return {
    pool,
    queue,
    store,
    create: async (count: number, changes: Partial<NewJob> = {}, owner: OwnerId = LOCAL_OWNER) => {
      const job = resizeJob(
        Array.from({ length: count }, () => randomUUID()),
        changes,
      );
      return (await store.create(owner, job)).job.id;
    },
    claim: (which: 'alone' | 'others' = 'others') => queue.claim('images', randomUUID(), LEASE_S, which),
    /** Lets the leases of all running items expire. */
    expireLeases: () =>
      pool.query(`UPDATE job_items SET lease_until = now() - interval '1 second' WHERE state = 'running'`),
    // The server of the tests may have been started just now.
    reap: () => queue.reap(0),
    readItem: async ({ jobId, position }: Pick<ClaimedItem, 'jobId' | 'position'>) => {
      const { rows } = await pool.query(
        `SELECT state, attempt, deaths, is_alone AS "isAlone", problem ->> 'code' AS code, artifact_id AS "artifactId"
         FROM job_items WHERE job_id = $1 AND position = $2`,
        [jobId, position],
      );
      return rows[0];
    },
    addOwner: async () => {
      const { rows } = await pool.query<{ id: OwnerId }>(
        `INSERT INTO users (id, email, name, role) VALUES (gen_random_uuid(), gen_random_uuid() || '@example.org', 'another', 'user')
         RETURNING id`,
      );
      return rows[0]?.id as OwnerId;
    },
  };
}

/** Claims something that must be there. */
async function claimed(claim: Promise<ClaimedItem | undefined>): Promise<ClaimedItem> {
  const item = await claim;
  if (item === undefined) throw new Error('Nothing was claimed.');
  return item;
}

t.test('an attempt that has lost its item changes nothing', async (t) => {
  const { queue, store, create, claim, expireLeases, reap, readItem } = await openQueue(t);
  const id = await create(1);
  const old = await claimed(claim());
  t.equal(await claim(), undefined, 'an item is claimed once');
  await expireLeases();
  t.equal(await reap(), 1);
  const current = await claimed(claim('alone'));
  t.equal(current.attempt, old.attempt + 1);
  const before = [await readItem(old), (await store.get(LOCAL_OWNER, id)).version];
  for (const change of [
    () => queue.succeed(old, RESULT),
    () => queue.fail(old, PROBLEM),
    () => queue.cancel(old),
    () => queue.giveBack(old),
    () => queue.giveBack(old, PROBLEM),
    () => queue.report(old, { stage: 'late' }),
  ])
    t.equal(await change(), false);
  t.strictSame(await queue.renew([old], LEASE_S), []);
  t.strictSame([await readItem(old), (await store.get(LOCAL_OWNER, id)).version], before);

  t.match(await queue.renew([old, current], LEASE_S), [{ attempt: current.attempt, isCancelled: false }]);
  t.equal(await queue.report(current, { stage: 'now' }), true);
  t.equal(await queue.succeed(current, RESULT), true);
  t.equal(await queue.succeed(current, { ...RESULT, artifactId: randomUUID() }), false, 'it ends once');
  t.match(await readItem(current), { state: 'succeeded', artifactId: RESULT.artifactId });
});

t.test('items whose process died run again alone, and only deaths while alone count', async (t) => {
  const { queue, create, claim, expireLeases, reap, readItem } = await openQueue(t);
  await create(3);
  const [first, second] = [await claimed(claim()), await claimed(claim())];
  await expireLeases();
  t.equal(await reap(), 2);
  t.match(await readItem(first), { state: 'queued', deaths: 0, isAlone: true });
  t.equal(await queue.hasAlone('images'), true);
  t.equal(await queue.hasAlone('image_logs'), false);
  const third = await claimed(claim());
  t.equal(third.position, 2, 'who works on others does not get them');
  t.equal(await queue.succeed(third, RESULT), true);

  for (const deaths of [1, 2, 3]) {
    t.equal((await claimed(claim('alone'))).position, first.position);
    await expireLeases();
    t.equal(await reap(), 1);
    t.match(await readItem(first), { deaths, state: deaths < 3 ? 'queued' : 'failed' });
  }
  t.equal((await readItem(first)).code, 'worker_lost');
  const neighbour = await claimed(claim('alone'));
  t.equal(neighbour.position, second.position);
  t.equal(await queue.giveBack(neighbour), true, 'handing it back is no death');
  t.match(await readItem(second), { state: 'queued', deaths: 0 });
  for (const deaths of [1, 2, 3]) {
    await queue.giveBack(await claimed(claim('alone')), PROBLEM);
    t.match(await readItem(second), { deaths, code: deaths < 3 ? null : PROBLEM.code });
  }
});

t.test('nothing is given to others soon after the database has started', async (t) => {
  const { queue, create, claim, expireLeases } = await openQueue(t);
  await create(1);
  await claim();
  await expireLeases();
  t.equal(await queue.reap(1_000_000_000), 0);
});

t.test('priorities come first, then owners in turn, then the oldest job', async (t) => {
  const { create, claim, addOwner, queue } = await openQueue(t);
  const [greedy, modest] = [await addOwner(), await addOwner()];
  const late = await create(1, { priority: 'low' }, modest);
  const oldest = await create(5, {}, greedy);
  await create(5, {}, greedy);
  await claim();
  const other = await create(2, {}, modest);
  const urgent = await create(1, { priority: 'high' }, greedy);
  const order: string[] = [];
  for (let item = await claim(); item !== undefined; item = await claim()) order.push(item.jobId);
  t.strictSame(order.slice(0, 6), [urgent, other, oldest, other, oldest, oldest]);
  t.equal(order.at(-1), late);
  t.equal(order.length, 1 + 2 + 9 + 1);

  await queue.forgetTurns();
  await create(1, {}, modest);
  t.ok(await claim(), 'whoever was idle gets a turn');
});

t.test('nothing is claimed for users and keys that are no longer valid, and such items fail', async (t) => {
  const { pool, queue, store, create, claim, addOwner } = await openQueue(t);
  const owner = await addOwner();
  const addKey = async (expires: string) => {
    const { rows } = await pool.query<{ id: string }>(
      `INSERT INTO api_keys (id, user_id, name, prefix, hash, scopes, expires_at)
       VALUES (gen_random_uuid(), $1, 'key', 'cf', sha256(gen_random_uuid()::text::bytea), '{}', ${expires}) RETURNING id`,
      [owner],
    );
    return rows[0]?.id ?? '';
  };
  const [valid, expired, revoked] = [
    await addKey('NULL'),
    await addKey("now() - interval '1 s'"),
    await addKey('NULL'),
  ];
  const jobs = {
    valid: await create(1, { apiKeyId: valid }, owner),
    expired: await create(1, { apiKeyId: expired }, owner),
    revoked: await create(1, { apiKeyId: revoked }, owner),
  };
  await pool.query('DELETE FROM api_keys WHERE id = $1', [revoked]);
  t.equal((await claimed(claim())).jobId, jobs.valid);
  t.equal(await claim(), undefined);
  await queue.endHopeless();
  for (const id of [jobs.expired, jobs.revoked]) {
    t.equal((await store.get(owner, id)).state, 'failed');
    t.match((await store.items(owner, id, { limit: 1 })).items, [
      { problem: { code: 'invalid_credential' } },
    ]);
  }

  const id = await create(2, {}, owner);
  await claim();
  await pool.query('UPDATE users SET disabled_at = now() WHERE id = $1', [owner]);
  t.equal(await claim(), undefined);
  await queue.endHopeless();
  t.match(await store.get(owner, id), { running: 1, failed: 1 }, 'what runs goes on');
});

t.test('what has not started expires, and what ended long ago is deleted', async (t) => {
  const { pool, queue, store, create, claim } = await openQueue(t);
  const id = await create(3);
  const item = await claimed(claim());
  await pool.query(`UPDATE jobs SET expires_at = now() - interval '1 second'`);
  await queue.endHopeless();
  t.match(await store.get(LOCAL_OWNER, id), { state: 'running', expired: 2, running: 1 });
  await queue.succeed(item, RESULT);
  t.match(await store.get(LOCAL_OWNER, id), { state: 'expired', expired: 2, succeeded: 1 });

  t.equal(await queue.deleteOld(60), 0);
  await pool.query(`UPDATE jobs SET ended_at = now() - interval '61 seconds'`);
  const open = await create(1);
  t.equal(await queue.deleteOld(60), 1);
  await t.rejects(store.get(LOCAL_OWNER, id), { code: 'not_found' });
  t.equal((await pool.query('SELECT FROM job_items')).rowCount, 1);
  t.equal((await store.get(LOCAL_OWNER, open)).state, 'queued');
});

t.test(
  'statements of workers use indexes, however many owners, items and ended jobs there are',
  async (t) => {
    const { pool, queue, create, claim, reap } = await openQueue(t);
    await pool.query(
      `INSERT INTO users (id, email, name, role) SELECT gen_random_uuid(), n || '@example.org', 'one of many', 'user' FROM generate_series(1, 1000) n`,
    );
    const add = (count: number, items: number) =>
      pool.query(
        `WITH added AS (
         INSERT INTO jobs (id, owner_id, lane, operation, parameters, priority, retention, accepts, request_id, expires_at)
         SELECT gen_random_uuid(), u.id, 'images', 'resize', '{}', 1, 'kept', '{}', '', now() + interval '1 day'
         FROM users u, generate_series(1, $1) RETURNING id
       ) INSERT INTO job_items (job_id, position, input_type, input_id)
         SELECT id, n, 'image', gen_random_uuid() FROM added, generate_series(1, $2) n`,
        [count, items],
      );
    await add(5, 2);
    await pool.query(`UPDATE job_items SET state = 'succeeded', ended_at = now()`);
    await add(1, 20);
    await create(5_000);
    await pool.query('ANALYZE');
    const item = await claimed(claim());
    const explain = explainAll(pool);
    const statements: Record<string, () => Promise<unknown>> = {
      claim: () => claim(),
      'claim alone': () => claim('alone'),
      'has alone': () => queue.hasAlone('images'),
      renew: () => queue.renew([item], LEASE_S),
      report: () => queue.report(item, { stage: 'working' }),
      'give back': () => queue.giveBack(item, PROBLEM),
      succeed: () => queue.succeed(item, RESULT),
      reap,
    };
    for (const [name, run] of Object.entries(statements)) {
      const plan = await explain(run);
      t.match(plan, /Index/, `${name} has a plan`);
      // Whether somebody else has a turn (`o`) is known after two rows.
      t.notMatch(plan, /Seq Scan on (jobs|job_items|job_turns)\b(?! o\b)/, `${name}: ${plan}`);
    }
  },
);

/** Has a pool explain each statement before it is sent. @returns a function that gives the plans of what runs in it */
function explainAll(pool: Pool): (run: () => Promise<unknown>) => Promise<string> {
  const query = pool.query.bind(pool) as (statement: unknown, values?: unknown) => Promise<QueryResult>;
  let plans: string[] = [];
  const explainFirst = async (statement: string | QueryConfig, values?: unknown[]) => {
    const { text, values: own } = typeof statement === 'string' ? { text: statement, values } : statement;
    const { rows } = await query(`EXPLAIN ${text}`, own);
    plans.push(...rows.map((row) => row['QUERY PLAN']));
    return query(statement, values);
  };
  Object.assign(pool, { query: explainFirst });
  return async (run) => {
    plans = [];
    await run();
    return plans.join('\n');
  };
}
