import { randomBytes } from 'node:crypto';
import t from 'tap';
import { PostgresBlobStore } from '../../../src/blobs/postgres/postgres-blob-store.ts';
import { beginTransaction } from '../../../src/db/database.ts';
import { MIB, testBlobStore } from '../contract.ts';

const { database, store, stage, insert, read, count } = await testBlobStore(
  ({ pool }) => new PostgresBlobStore(pool),
);

t.test('bytes are chunks of 1 MiB', async (t) => {
  for (const size of [200, MIB, MIB + 1, 3 * MIB]) {
    const { sha256, ...file } = await stage(randomBytes(size));
    await insert({ sha256, ...file });
    const { rowCount } = await database.pool.query('SELECT FROM blob_chunks WHERE sha256 = $1', [sha256]);
    t.equal(rowCount, Math.ceil(size / MIB));
    t.equal((await read(sha256)).length, Math.ceil(size / MIB));
  }
});

t.test('bytes are visible to others when their transaction is committed, and not before', async (t) => {
  const file = await stage(randomBytes(2 * MIB));
  const transaction = await beginTransaction(database.pool);
  await transaction.client.query('INSERT INTO blobs (sha256, size, media_type) VALUES ($1, $2, $3)', [
    file.sha256,
    file.size,
    file.mediaType,
  ]);
  await store.put(file, transaction);
  t.equal(await count(file.sha256), 0);
  await t.rejects(read(file.sha256), { code: 'not_found' });
  await transaction.commit();
  t.equal(Buffer.concat(await read(file.sha256)).length, 2 * MIB);
});

t.test('chunks are kept uncompressed, so that a part of one is read alone', async (t) => {
  const file = await stage(Buffer.alloc(MIB));
  await insert(file);
  const { rows } = await database.pool.query(
    'SELECT pg_column_size(data) AS stored, pg_column_compression(data) AS method FROM blob_chunks WHERE sha256 = $1',
    [file.sha256],
  );
  t.same(rows, [{ stored: MIB, method: null }]);
});
