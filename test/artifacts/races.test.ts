import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import t from 'tap';
import { createTestApp } from '../support/app.ts';
import { untilBlocked } from '../support/database.ts';

const picture = (red = 18) =>
  sharp({ create: { width: 64, height: 48, channels: 3, background: { r: red, g: 9, b: 9 } } })
    .png()
    .toBuffer();

t.test(
  'deriving from what is being deleted ends in an artifact or in 404, and leaves nothing behind',
  async (t) => {
    const { send, upload, services } = await createTestApp(t);
    const statuses = new Set<number>();
    for (let round = 0; round < 8; round += 1) {
      const bytes = await picture(round);
      const { image } = (await upload({ bytes })).json().results[0];
      const half = (await send('POST', `/images/${image.id}/resize`, { width: 32 })).json();
      const deriving = Array.from({ length: 6 }, (_, index) =>
        send('POST', index % 2 ? `/artifacts/${half.id}/resize` : `/images/${image.id}/resize`, {
          width: 4 + index,
        }),
      );
      const deleting = Array.from({ length: 2 }, () => send('DELETE', `/images/${image.id}`));
      for (const { statusCode, body } of await Promise.all([...deriving, ...deleting])) {
        statuses.add(statusCode);
        t.ok([200, 201, 204, 404].includes(statusCode), `${statusCode} ${body}`);
      }
    }
    t.ok(statuses.has(204));
    const { rows } = await services.database.pool.query(
      'SELECT (SELECT count(*) FROM images)::int AS images, (SELECT count(*) FROM artifacts)::int AS artifacts, (SELECT count(*) FROM blobs)::int AS blobs',
    );
    t.strictSame(rows[0], { images: 0, artifacts: 0, blobs: 0 });
  },
);

t.test('what is derived while its image or a step before is being deleted goes with it', async (t) => {
  const { send, upload, services } = await createTestApp(t);
  const { pool } = services.database;
  const bytes = await picture();
  for (const resource of ['images', 'artifacts']) {
    const { image } = (await upload({ bytes })).json().results[0];
    const half = (await send('POST', `/images/${image.id}/resize`, { width: 32 })).json();
    const quarter = (await send('POST', `/artifacts/${half.id}/resize`, { width: 16 })).json();
    const deriving = await pool.connect();
    await deriving.query('BEGIN');
    // A copy of the row, derived from it.
    await deriving.query(
      `WITH derived AS (
         INSERT INTO artifacts SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'key', '\\x' || repeat('00', 32)))).*
         FROM artifacts a WHERE id = $1 RETURNING id
       ) INSERT INTO artifact_inputs (artifact_id, position, input_artifact_id) SELECT id, 0, $1 FROM derived`,
      [quarter.id],
    );
    const deleting = send('DELETE', `/${resource}/${resource === 'images' ? image.id : half.id}`);
    await untilBlocked(pool);
    await deriving.query('COMMIT');
    deriving.release();
    const { statusCode, body } = await deleting;
    t.equal(statusCode, 204, body);
    t.same((await pool.query('SELECT id FROM artifacts')).rows, []);
  }
});

t.test('equal requests are one computation, however late some of them hear that there is none', async (t) => {
  const { send, upload, services } = await createTestApp(t);
  const bytes = await picture();
  const { image } = (await upload({ bytes })).json().results[0];
  const find = services.artifacts.findByKey.bind(services.artifacts);
  let lookups = 0;
  services.artifacts.findByKey = async (...args) => {
    lookups += 1;
    const isFirst = lookups === 1;
    const found = await find(...args);
    if (!isFirst) await sleep(500);
    return found;
  };
  const made = await Promise.all(
    Array.from({ length: 5 }, () => send('POST', `/images/${image.id}/resize`, { width: 9 })),
  );
  t.equal(new Set(made.map(({ body }) => body)).size, 1);
  t.match(
    (await send('GET', '/metrics')).body,
    /duration_seconds_count\{operation="resize",outcome="ok"\} 1$/m,
  );
});

t.test(
  'equal bytes uploaded and deleted at the same time: every answer holds, no bytes are lost',
  async (t) => {
    const { send, upload, services } = await createTestApp(t);
    const bytes = await picture();
    for (let round = 0; round < 10; round += 1) {
      const uploads = await Promise.all([upload({ bytes }), upload({ bytes }), upload({ bytes })]);
      const ids = new Set(uploads.map((response) => response.json().results[0].image.id as string));
      t.equal(ids.size, 1);
      const [id] = ids;
      const [deleted, again] = await Promise.all([send('DELETE', `/images/${id}`), upload({ bytes })]);
      t.equal(deleted.statusCode, 204);
      t.ok([200, 201].includes(again.statusCode), again.body);
      const left = (await send('GET', '/images')).json().items;
      for (const item of left) t.strictSame((await send('GET', item.content_url)).rawPayload, bytes);
      for (const item of left) await send('DELETE', `/images/${item.id}`);
    }
    const { rows } = await services.database.pool.query('SELECT count(*)::int AS blobs FROM blobs');
    t.strictSame(rows[0], { blobs: 0 });
  },
);
