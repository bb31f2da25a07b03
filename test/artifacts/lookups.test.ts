import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import type { Services } from '../../src/services.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createTestDatabase, flushStatistics } from '../support/database.ts';
import { allowedMs } from '../support/time.ts';

async function uploadPicture({ upload }: TestApp): Promise<string> {
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#345678' } })
    .png()
    .toBuffer();
  return (await upload({ bytes })).json().results[0].image.id;
}

/** Two processes' applications on one database, and an artifact whose bytes the first one has sent twice. */
async function shareArtifact(t: Test) {
  const { url } = await createTestDatabase(t);
  const [here, there] = [
    await createTestApp(t, { DATABASE_URL: url }),
    await createTestApp(t, { DATABASE_URL: url }),
  ];
  const image = await uploadPicture(here);
  const { id } = (await here.send('POST', `/images/${image}/resize`, { width: 32 })).json();
  const get = () => here.send('GET', `/artifacts/${id}/content`);
  const [first, second] = [await get(), await get()];
  t.equal(second.statusCode, 200);
  t.strictSame(second.rawPayload, first.rawPayload);
  await heardOf(here);
  t.equal((await here.send('GET', `/artifacts/${id.toUpperCase()}/content`)).statusCode, 200);
  return { here, there, image, id, get };
}

/** Until the application uses what it has read before. */
async function heardOf({ services }: TestApp): Promise<void> {
  while (!services.database.changes.isCurrent) await sleep(5);
}

/** Until a deletion by another process has been heard of. */
async function until404(t: Test, get: () => Promise<{ statusCode: number }>): Promise<void> {
  const start = performance.now();
  while ((await get()).statusCode !== 404) await sleep(1);
  const ms = performance.now() - start;
  t.ok(ms < allowedMs(500), `gone after ${Math.round(ms)} ms`);
  t.equal((await get()).statusCode, 404, 'and it stays so');
}

t.test('bytes that were sent before are not found once another process has deleted them', async (t) => {
  const { there, id, get } = await shareArtifact(t);
  t.equal((await there.send('DELETE', `/artifacts/${id}`)).statusCode, 204);
  await until404(t, get);
});

t.test('nor once another process has deleted what they were made from', async (t) => {
  const { here, there, image, get } = await shareArtifact(t);
  const getImage = () => here.send('GET', `/images/${image}/content`);
  t.equal((await getImage()).statusCode, 200);
  t.equal((await getImage()).statusCode, 200);
  t.equal((await there.send('DELETE', `/images/${image}`)).statusCode, 204);
  await until404(t, get);
  await until404(t, getImage);
});

t.test('nor once somebody has deleted the row by hand', async (t) => {
  const { there, id, get } = await shareArtifact(t);
  await there.services.database.pool.query('DELETE FROM artifacts WHERE id = $1', [id]);
  await until404(t, get);
});

t.test('the process that deletes or renames knows of it at once', async (t) => {
  const { here, image, id, get } = await shareArtifact(t);
  const getImage = () => here.send('GET', `/images/${image}/content`);
  t.equal((await getImage()).statusCode, 200);
  for (let round = 0; round < 20; round += 1) {
    const filename = `renamed-${round}.png`;
    t.equal((await here.send('PATCH', `/images/${image}`, { filename })).statusCode, 200);
    t.match((await getImage()).headers['content-disposition'], filename);
  }
  t.equal((await here.send('DELETE', `/images/${image}`)).statusCode, 204);
  t.equal((await getImage()).statusCode, 404);
  t.equal((await get()).statusCode, 404, `artifact ${id}`);
});

t.test('many lookups at the same time are each answered with their own', async (t) => {
  const app = await createTestApp(t);
  const image = await uploadPicture(app);
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      app.send('POST', `/images/${image}/resize`, { width: 10 + index }),
    ),
  );
  const artifacts: { id: string; sha256: string }[] = made.map((response) => response.json());
  const missing = '11111111-1111-4111-8111-111111111111';
  for (let round = 0; round < 3; round += 1) {
    const ids = [...artifacts.map(({ id }) => id), missing];
    const answers = await Promise.all(
      [...ids, ...ids].map((id) => app.send('GET', `/artifacts/${id}/content`)),
    );
    const wanted = [...artifacts.map(({ sha256 }) => `"${sha256}"`), undefined];
    t.strictSame(
      answers.map(({ headers }) => headers.etag),
      [...wanted, ...wanted],
    );
    t.strictSame(
      answers.filter(({ statusCode }) => statusCode === 404).length,
      2,
      'the one that is not there, twice',
    );
  }
});

/** Rows read so far, in whichever way. */
async function rowsRead({ database }: Services, connections: number): Promise<number> {
  await flushStatistics(database.pool, connections);
  const { rows } = await database.pool.query<{ read: number }>(
    `SELECT sum(seq_tup_read + idx_tup_fetch)::int AS read FROM pg_stat_user_tables
     WHERE relname IN ('images', 'artifacts', 'blobs')`,
  );
  return rows[0]?.read ?? 0;
}

t.test('a lookup reads what it looks for, also where the tables have no statistics yet', async (t) => {
  const app = await createTestApp(t, { DATABASE_POOL_SIZE: '4' });
  const image = await uploadPicture(app);
  // PostgreSQL chooses a plan for good after five times, when there are few rows. It analyzes tables once a minute, and would
  // then rightly read a table of a few pages as a whole.
  for (const table of ['images', 'artifacts', 'blobs']) {
    await app.services.database.pool.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  }
  const read: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const before = await rowsRead(app.services, 4);
    for (let width = 10; width < 40; width += 1) {
      const resize = { width, height: 10 + round };
      const { id } = (await app.send('POST', `/images/${image}/resize`, resize)).json();
      for (const path of ['', '/content', '/content']) {
        t.equal((await app.send('GET', `/artifacts/${id}${path}`)).statusCode, 200);
      }
    }
    read.push((await rowsRead(app.services, 4)) - before);
  }
  t.ok((read.at(-1) ?? 0) <= (read[0] ?? 0), `rows read in each round: ${read}`);
});
