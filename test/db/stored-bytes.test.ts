import { randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';
import t, { type Test } from 'tap';
import { openDatabase, toAppError, withTransaction } from '../../src/db/database.ts';
import { createTestDatabase } from '../support/database.ts';

/** The triggers of the migration 0007_users_and_keys, by SQL alone. */
async function prepare(t: Test, quotas: readonly (number | null)[]) {
  const { url } = await createTestDatabase(t);
  const database = await openDatabase({ url, poolSize: 4 });
  t.teardown(() => database.close());
  const owners = await Promise.all(
    quotas.map(async (quota) => {
      const id = randomUUID();
      await database.pool.query("INSERT INTO users (id, name, storage_quota_bytes) VALUES ($1, '', $2)", [
        id,
        quota,
      ]);
      return id;
    }),
  );
  const bytesOf = async (owner = '') => {
    const { rows } = await database.pool.query('SELECT bytes::float8 FROM stored_bytes WHERE owner_id = $1', [
      owner,
    ]);
    return rows[0]?.bytes ?? 0;
  };
  return { database, owners, bytesOf };
}

type Queryable = Pick<pg.ClientBase, 'query'>;

async function insertBlob(
  client: Queryable,
  size: number,
  sha256: Buffer = randomBytes(32),
): Promise<Buffer> {
  await client.query(
    "INSERT INTO blobs (sha256, size, media_type) VALUES ($1, $2, 'x') ON CONFLICT DO NOTHING",
    [sha256, size],
  );
  return sha256;
}

async function insertImage(client: Queryable, owner = '', size: number, sha256?: Buffer): Promise<string> {
  const id = randomUUID();
  await client.query(
    `INSERT INTO images (id, owner_id, sha256, filename, size, format, width, height, channels, depth, has_alpha, pages, color_space, details)
     VALUES ($1, $2, $3, '', $4, 'png', 1, 1, 1, 'uchar', false, 1, 'srgb', '{}')`,
    [id, owner, await insertBlob(client, size, sha256), size],
  );
  return id;
}

async function insertArtifact(
  client: Queryable,
  owner = '',
  size: number,
  retention: string,
): Promise<string> {
  const id = randomUUID();
  await client.query(
    `INSERT INTO artifacts (id, owner_id, key, kind, operation, version, parameters, sha256, size, filename, media_type, result, retention)
     VALUES ($1, $2, $3, 'picture', 'x', 1, '{}', $4, $5, '', 'x', '{}', $6)`,
    [id, owner, randomBytes(32), await insertBlob(client, size), size, retention],
  );
  return id;
}

async function insertLog(client: Queryable, owner = '', size: number): Promise<string> {
  const id = randomUUID();
  await client.query(
    `INSERT INTO frame_sets (id, owner_id, name, filename, sha256, size, options, options_key, rows, columns, width, depth_min, depth_max,
                             first_id, last_id, quality)
     VALUES ($1, $2, '', '', $3, $4, '{}', $5, 1, 1, 1, 0, 0, 1, 1, '{}')`,
    [id, owner, randomBytes(32), size, randomBytes(32)],
  );
  return id;
}

t.test('what is stored is counted, for each owner in full', async (t) => {
  const { database, owners, bytesOf } = await prepare(t, [null, null]);
  const { pool } = database;
  const [ada, bob] = owners;
  const sha256 = randomBytes(32);
  const image = await insertImage(pool, ada, 100, sha256);
  await insertImage(pool, bob, 100, sha256);
  t.strictSame([await bytesOf(ada), await bytesOf(bob)], [100, 100], 'equal bytes');

  const cached = await insertArtifact(pool, ada, 30, 'cached');
  t.equal(await bytesOf(ada), 100, 'a cached artifact');
  await pool.query("UPDATE artifacts SET retention = 'kept' WHERE id = $1", [cached]);
  t.equal(await bytesOf(ada), 130, 'that is kept');
  await pool.query('UPDATE artifacts SET last_used_at = now() WHERE id = $1', [cached]);
  t.equal(await bytesOf(ada), 130, 'a use');
  await pool.query('UPDATE artifacts SET owner_id = $2 WHERE id = $1', [cached, bob]);
  t.strictSame([await bytesOf(ada), await bytesOf(bob)], [100, 130], 'another owner');
  await pool.query("UPDATE artifacts SET retention = 'cached' WHERE id = $1", [cached]);
  t.equal(await bytesOf(bob), 100, 'that is cached again');
  await pool.query('DELETE FROM artifacts WHERE id = $1', [cached]);
  await pool.query('DELETE FROM images WHERE id = $1', [image]);
  t.strictSame([await bytesOf(ada), await bytesOf(bob)], [0, 100], 'deleted');
});

t.test('image logs are counted, and the documents of kept artifacts', async (t) => {
  const { database, owners, bytesOf } = await prepare(t, [null, null]);
  const { pool } = database;
  const [ada, bob] = owners;
  const log = await insertLog(pool, ada, 100);
  t.equal(await bytesOf(ada), 100, 'an image log');
  await pool.query("UPDATE frame_sets SET name = 'well' WHERE id = $1", [log]);
  t.equal(await bytesOf(ada), 100, 'another name');
  await pool.query('UPDATE frame_sets SET owner_id = $2 WHERE id = $1', [log, bob]);
  t.strictSame([await bytesOf(ada), await bytesOf(bob)], [0, 100], 'another owner');

  const artifact = await insertArtifact(pool, bob, 30, 'cached');
  const document = await insertBlob(pool, 7);
  await pool.query('UPDATE artifacts SET document_sha256 = $2, document_size = 7 WHERE id = $1', [
    artifact,
    document,
  ]);
  t.equal(await bytesOf(bob), 100, 'a document of a cached artifact');
  await pool.query("UPDATE artifacts SET retention = 'kept' WHERE id = $1", [artifact]);
  t.equal(await bytesOf(bob), 137, 'that is kept');
  await pool.query('DELETE FROM artifacts WHERE id = $1', [artifact]);
  await pool.query('DELETE FROM frame_sets WHERE id = $1', [log]);
  t.equal(await bytesOf(bob), 0, 'deleted');
});

t.test('a quota refuses the commit, however it is made', async (t) => {
  const { database, owners, bytesOf } = await prepare(t, [100]);
  const { pool, prisma } = database;
  const [ada] = owners;
  await insertImage(pool, ada, 60);
  const isRefused = async (what: string, work: () => Promise<unknown>) => {
    const error = await work().then(
      () => undefined,
      (reason: unknown) => toAppError(reason),
    );
    t.match(error, { code: 'quota_exceeded', detail: /41 bytes more.*60 of at most 100 bytes/ }, what);
    t.equal(await bytesOf(ada), 60, `${what}: nothing is stored`);
  };
  await isRefused('plain SQL', () => insertImage(pool, ada, 41));
  await isRefused('an image log', () => insertLog(pool, ada, 41));
  await isRefused('a transaction', () => withTransaction(pool, (client) => insertImage(client, ada, 41)));
  const cached = await insertArtifact(pool, ada, 41, 'cached');
  await isRefused('Prisma', () =>
    prisma.artifact.update({ where: { id: cached }, data: { retention: 'kept' } }),
  );

  const client = await pool.connect();
  await client.query('BEGIN');
  await insertImage(client, ada, 41);
  await t.rejects(client.query('COMMIT'), { code: 'CF001' }, 'at the commit, not before');
  client.release();

  await withTransaction(pool, async (client) => {
    const { rows } = await client.query('DELETE FROM images WHERE owner_id = $1 RETURNING id', [ada]);
    t.equal(rows.length, 1);
    await insertImage(client, ada, 100);
  });
  t.equal(await bytesOf(ada), 100, 'exactly the quota, with room that the same transaction has made');
});

t.test('of two connections at the limit, one succeeds', async (t) => {
  const { database, owners, bytesOf } = await prepare(t, [100]);
  const [ada] = owners;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 4 }, () => insertImage(database.pool, ada, 60)),
  );
  t.strictSame(outcomes.map(({ status }) => status).sort(), [
    'fulfilled',
    'rejected',
    'rejected',
    'rejected',
  ]);
  t.equal(await bytesOf(ada), 60);
});
