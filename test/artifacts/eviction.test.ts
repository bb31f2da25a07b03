import { randomBytes, randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { LOCAL_OWNER, type OwnerId } from '../../src/auth/owner.ts';
import { createTestApp } from '../support/app.ts';
import { stageBytes } from '../support/blobs.ts';

const BYTES = 1000;

async function openStore(t: Test) {
  const { services } = await createTestApp(t, {}, { hasForeignRows: true });
  const { artifacts, database } = services;
  const other = randomUUID() as string as OwnerId;
  await database.pool.query("INSERT INTO users (id, name) VALUES ($1, 'other')", [other]);
  const folder = t.testdir();
  /** Stores a cached artifact of 1,000 bytes. */
  const cache = async (owner: OwnerId): Promise<string> => {
    const file = await stageBytes(folder, randomBytes(BYTES));
    const { artifact } = await artifacts.create(owner, {
      kind: 'picture',
      operation: 'transform',
      version: 1,
      parameters: {},
      inputs: [],
      key: randomBytes(32),
      filename: 'a.png',
      mediaType: 'image/png',
      result: {},
      retention: 'cached',
      file,
      document: null,
    });
    return artifact.id;
  };
  const cacheAll = async (owner: OwnerId, count: number) => {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) ids.push(await cache(owner));
    return ids;
  };
  const left = async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      'SELECT id FROM artifacts ORDER BY last_used_at',
    );
    return rows.map(({ id }) => id);
  };
  return { artifacts, pool: database.pool, other, cacheAll, left };
}

t.test('one owner’s flood of results evicted those of all others', async (t) => {
  const { artifacts, other, cacheAll, left } = await openStore(t);
  const early = await cacheAll(other, 3);
  const flood = await cacheAll(LOCAL_OWNER, 20);
  await artifacts.evictCached(BYTES * 10);
  t.strictSame(await left(), [...early, ...flood.slice(-7)], 'only the one who has most loses');
});

t.test('owners with more than their share get equal shares', async (t) => {
  const { artifacts, other, cacheAll, left } = await openStore(t);
  const early = await cacheAll(other, 8);
  const late = await cacheAll(LOCAL_OWNER, 12);
  await artifacts.evictCached(BYTES * 10);
  t.strictSame(await left(), [...early.slice(-5), ...late.slice(-5)]);
});

t.test('after the clock was set back, new results were evicted before old ones', async (t) => {
  const { artifacts, pool, cacheAll, left } = await openStore(t);
  const old = await cacheAll(LOCAL_OWNER, 5);
  // What rows look like after the clock was set back by a day.
  await pool.query("UPDATE artifacts SET last_used_at = last_used_at + interval '1 day'");
  const recent = await cacheAll(LOCAL_OWNER, 3);
  const used = await artifacts.get(LOCAL_OWNER, old[0] ?? '');
  artifacts.noteUse(used, { warn: (_details, message) => t.fail(message) });
  while ((await left()).at(-1) !== old[0]) await new Promise((resolve) => setTimeout(resolve, 5));
  await artifacts.evictCached(BYTES * 4);
  t.strictSame(await left(), [...recent, old[0]]);
});

t.test('more results than are evicted at once', async (t) => {
  const { artifacts, pool, cacheAll, left } = await openStore(t);
  await cacheAll(LOCAL_OWNER, 1);
  await pool.query(
    `INSERT INTO artifacts SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(),
       'key', '\\x' || lpad(to_hex(n), 64, '0')))).* FROM artifacts a, generate_series(1, 1500) n`,
  );
  let rounds = 0;
  while ((await artifacts.evictCached(BYTES * 10)).length > 0) rounds += 1;
  t.equal(rounds, 2);
  t.equal((await left()).length, 10);
});
