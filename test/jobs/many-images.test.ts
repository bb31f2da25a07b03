import { randomUUID } from 'node:crypto';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { withTransaction } from '../../src/db/database.ts';
import type { Services } from '../../src/services.ts';
import { createTestApp } from '../support/app.ts';

/** Jobs stay queued. */
const IDLE = { JOB_CONCURRENCY: '0' };

t.test('a hundred thousand images', async (t) => {
  const { services, send } = await createTestApp(t, IDLE);
  const count = 100_000;
  const ids = await insertImages(services, count);
  const body = { operation: 'resize', parameters: { width: 20 } };
  const post = (image_ids: readonly string[]) =>
    send('POST', '/jobs', { ...body, image_ids }, { 'idempotency-key': 'many' });

  const made = await post(ids);
  t.equal(made.statusCode, 201, made.body.slice(0, 300));
  t.match(made.json(), { state: 'queued', progress: { total: count, queued: count } });
  const again = await post(ids);
  t.strictSame([again.statusCode, again.json().id], [200, made.json().id]);
  t.match((await send('POST', '/jobs', { ...body, filter: {} })).json(), { progress: { total: count } });
  t.match((await send('POST', '/jobs/dry-run', { ...body, image_ids: ids })).json(), { images: count });

  for (const [name, given] of [
    ['unknown ids', ids.map(() => randomUUID())],
    ['no ids', ids.map(() => 'x')],
    ['one id again and again', ids.map(() => ids[0] ?? '')],
  ] as const) {
    const { statusCode, body } = await send('POST', '/jobs', { operation: 'histogram', image_ids: given });
    t.equal(statusCode, 422, name);
    const { detail, errors } = JSON.parse(body);
    t.match(detail, /and 9999[89] more faults; the first 100 are listed/, name);
    t.equal(errors.length, 100, name);
  }
  t.match(await post([...ids, ...ids]), { statusCode: 413 });
  const elsewhere = await send('POST', `/images/${ids[0]}/histogram`, { edges: ids });
  t.equal(elsewhere.statusCode, 413, 'other bodies are not allowed as much');
});

/** Rows of images without their bytes. @returns their ids */
async function insertImages({ database }: Services, count: number): Promise<string[]> {
  return withTransaction(database.pool, async (client) => {
    // Counting each row for its owner would take minutes.
    await client.query(`SET LOCAL session_replication_role = replica`);
    await client.query(
      `INSERT INTO images (id, owner_id, sha256, filename, size, format, width, height, channels, depth, has_alpha, pages, color_space, details)
       SELECT gen_random_uuid(), $1, sha256(i::text::bytea), i || '.png', 1, 'png', 100 + i % 5000, 100, 3, 'uchar', false, 1, 'srgb', '{}'
       FROM generate_series(1, $2::int) i`,
      [LOCAL_OWNER, count],
    );
    const { rows } = await client.query<{ id: string }>('SELECT id FROM images');
    return rows.map(({ id }) => id);
  });
}
