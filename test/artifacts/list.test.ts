import sharp from 'sharp';
import t from 'tap';
import { createTestApp, type TestApp } from '../support/app.ts';
import { flushStatistics } from '../support/database.ts';

interface Item {
  id: string;
  kind: string;
  operation: string;
  retention: string;
  created_at: string;
}

async function uploadPicture({ upload }: TestApp): Promise<string> {
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#345678' } })
    .png()
    .toBuffer();
  return (await upload({ bytes })).json().results[0].image.id;
}

async function resize({ send }: TestApp, image: string, width: number): Promise<string> {
  return (await send('POST', `/images/${image}/resize`, { width })).json().id;
}

async function list({ send }: TestApp, query: string): Promise<Item[]> {
  const answer = await send('GET', `/artifacts?${query}`);
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return answer.json().items;
}

t.test('everything derived is listed, newest first, page by page', async (t) => {
  const app = await createTestApp(t);
  const image = await uploadPicture(app);
  const ids: string[] = [];
  for (let width = 1; width <= 7; width += 1) ids.unshift(await resize(app, image, width));
  t.strictSame(
    (await list(app, '')).map(({ id }) => id),
    ids,
  );
  const found: string[] = [];
  let path: string | undefined = '/artifacts?limit=2';
  while (path !== undefined) {
    const answer = await app.send('GET', path);
    const { items, next_cursor: next } = answer.json();
    found.push(...items.map(({ id }: Item) => id));
    path = next === null ? undefined : `/artifacts?limit=2&cursor=${next}`;
    t.equal(answer.headers.link !== undefined, next !== null, 'the link to the next page');
    // What comes and goes meanwhile changes nothing for the rest.
    if (found.length === 2) {
      await resize(app, image, 50);
      t.equal((await app.send('DELETE', `/artifacts/${ids[0]}`)).statusCode, 204);
    }
  }
  t.strictSame(found, ids);
  t.notOk(
    (await list(app, '')).some(({ id }) => id === ids[0]),
    'what is deleted is not listed',
  );
});

t.test('filters', async (t) => {
  const app = await createTestApp(t);
  const image = await uploadPicture(app);
  await resize(app, image, 9);
  await app.send('GET', `/images/${image}/convert?format=webp`);
  await app.send('POST', `/images/${image}/histogram`, {});
  const { id: mask } = (await app.send('POST', `/images/${image}/segmentation`, {})).json();
  await app.send('GET', `/artifacts/${mask}/segments/geojson`);
  const all = await list(app, '');
  t.strictSame(all.map(({ kind }) => kind).sort(), ['form', 'histogram', 'mask', 'picture', 'picture']);
  const check = async (query: string, holds: (item: Item) => boolean) => {
    const expected = all.filter(holds).map(({ id }) => id);
    t.ok(expected.length > 0 && expected.length < all.length, query);
    t.strictSame(
      (await list(app, query)).map(({ id }) => id),
      expected,
      query,
    );
  };
  for (const { kind, operation, retention, created_at } of all) {
    await check(`kind=${kind}`, (item) => item.kind === kind);
    await check(`operation=${operation}`, (item) => item.operation === operation);
    await check(`retention=${retention}`, (item) => item.retention === retention);
    await check(
      `kind=${kind}&retention=${retention}`,
      (item) => item.kind === kind && item.retention === retention,
    );
    if (created_at !== all.at(-1)?.created_at)
      await check(`created_after=${created_at}`, (item) => item.created_at >= created_at);
    if (created_at !== all.at(-1)?.created_at)
      await check(`created_before=${created_at}`, (item) => item.created_at < created_at);
  }
  // PostgreSQL has no zones beyond 15:59.
  for (const [query, count] of [
    ['created_after=2020-01-01T00:00:00%2B23:59', all.length],
    ['created_before=2020-01-01T00:00:00-23:59', 0],
    ['created_after=0001-01-01T00:00:00Z&created_before=9999-12-31T23:59:59.999Z', all.length],
  ] as const)
    t.equal((await list(app, query)).length, count, query);
  const ofImage = (await app.send('GET', `/images/${image}/artifacts?operation=transform`)).json().items;
  t.equal(ofImage.length, 2, 'lists by input have the same filters');
});

t.test('every parameter is checked', async (t) => {
  const { send } = await createTestApp(t);
  for (const query of [
    'kind=poem',
    'operation=sing',
    'operation=inspect',
    'retention=forever',
    'created_after=yesterday',
    'created_before=2026-02-30T00:00:00Z',
    'limit=0',
    'limit=501',
    'cursor=x',
    'colour=red',
  ]) {
    const answer = await send('GET', `/artifacts?${query}`);
    t.equal(answer.statusCode, 422, query);
    t.equal(answer.json().code, 'validation_failed', query);
  }
});

const OTHER = '7d9a1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11';

/** Copies the only artifact, for another owner and many times for its own. */
async function addMany({ services }: TestApp, count: number): Promise<void> {
  const { pool } = services.database;
  await pool.query("INSERT INTO users (id, name) VALUES ($1, 'other')", [OTHER]);
  // Counting the bytes of each row in one transaction would take most of the test.
  const client = await pool.connect();
  await client.query('BEGIN; SET LOCAL coreframe.counts_by_itself = on');
  await client.query(
    `INSERT INTO artifacts (id, owner_id, key, kind, operation, version, parameters, sha256, size, filename, media_type, result,
       retention, created_at, last_used_at)
     SELECT gen_random_uuid(), CASE WHEN i <= 5 THEN $1::uuid ELSE owner_id END, sha256(i::text::bytea), kind, operation,
       version, parameters, sha256, size, filename, media_type, result, retention, created_at - i * interval '1 s', last_used_at
     FROM artifacts, generate_series(1, $2) AS i`,
    [OTHER, count],
  );
  await client.query(
    `INSERT INTO artifact_inputs (artifact_id, position, image_id)
     SELECT a.id, 0, i.id FROM artifacts a, images i WHERE NOT EXISTS (SELECT FROM artifact_inputs WHERE artifact_id = a.id)`,
  );
  await client.query('COMMIT');
  client.release();
}

t.test('a page of 50,000 artifacts is read by index, and no one else’s are listed', async (t) => {
  const app = await createTestApp(t, { DATABASE_POOL_SIZE: '2' }, { hasForeignRows: true });
  const { pool } = app.services.database;
  await resize(app, await uploadPicture(app), 9);
  await addMany(app, 50_000);
  const read = async () => {
    await flushStatistics(pool, 2);
    const { rows: statistics } = await pool.query<{ scans: number; tuples: number }>(
      "SELECT seq_scan::int AS scans, coalesce(idx_tup_fetch, 0)::int AS tuples FROM pg_stat_user_tables WHERE relname = 'artifacts'",
    );
    return statistics[0] as { scans: number; tuples: number };
  };
  const before = await read();
  const { items, next_cursor: next } = (await app.send('GET', '/artifacts?limit=20')).json();
  t.equal(items.length, 20);
  const second = (await app.send('GET', `/artifacts?limit=20&cursor=${next}`)).json().items;
  const ids: string[] = [...items, ...second].map(({ id }: Item) => id);
  t.equal(new Set(ids).size, 40);
  const after = await read();
  t.equal(after.scans, before.scans, 'no scan of the table');
  t.ok(after.tuples - before.tuples <= 100, `${after.tuples - before.tuples} rows read`);
  const { rows } = await pool.query('SELECT FROM artifacts WHERE owner_id = $1 AND id = ANY($2)', [
    OTHER,
    ids,
  ]);
  t.strictSame(rows, [], 'no one else’s');
});
