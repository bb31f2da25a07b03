import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { StagedFile } from '../../../src/blobs/blob-store.ts';
import { PostgresBlobStore } from '../../../src/blobs/postgres/postgres-blob-store.ts';
import { type Database, withTransaction } from '../../../src/db/database.ts';
import { createTestDatabase } from '../../support/database.ts';

const MIB = 1024 * 1024;
const LOCAL_USER = '00000000-0000-4000-8000-000000000001';

const folder = t.testdir();
const database = await (await createTestDatabase(t)).open({ poolSize: 10 });
const store = new PostgresBlobStore(database.pool);

async function stage(bytes: Buffer): Promise<StagedFile> {
  const file = path.join(folder, randomUUID());
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest();
  return { path: file, sha256, size: bytes.length, mediaType: 'image/png' };
}

/** A row that names the blob, in the same transaction. */
async function insertImage({ pool }: Database, file: StagedFile, owner = LOCAL_USER): Promise<string> {
  return withTransaction(pool, async (client) => {
    await store.commit(client, file);
    const id = randomUUID();
    await client.query(
      `INSERT INTO images (id, owner_id, sha256, filename, size, format, width, height, channels, depth, has_alpha, pages,
         color_space, details)
       VALUES ($1, $2, $3, 'a.png', $4, 'png', 1, 1, 3, 'uchar', false, 1, 'srgb', '{}')`,
      [id, owner, file.sha256, file.size],
    );
    return id;
  });
}

/** The same in the fewest round trips. */
async function insertNamedImage(_: Database, file: StagedFile, owner = LOCAL_USER): Promise<string> {
  const id = randomUUID();
  const rows = await store.commitNamed<{ id: string }>([file], {
    name: 'test-image',
    text: `stored AS (
             INSERT INTO images (id, owner_id, sha256, filename, size, format, width, height, channels, depth, has_alpha,
                                 pages, color_space, details)
             VALUES ($4, $5, $1, $3, $2, 'png', 1, 1, 3, 'uchar', false, 1, 'srgb', '{}') RETURNING id
           ) SELECT id FROM stored`,
    values: [id, owner],
  });
  t.strictSame(rows, [{ id }]);
  return id;
}

const INSERTS = [
  ['a transaction', insertImage],
  ['one call', insertNamedImage],
] as const;

async function deleteImage({ pool }: Database, id: string, sha256: Buffer): Promise<void> {
  await withTransaction(pool, async (client) => {
    await client.query('DELETE FROM images WHERE id = $1', [id]);
    await store.deleteUnreferenced(client, [sha256]);
  });
}

async function read(sha256: Buffer, range?: { start: number; end: number }): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of store.read(sha256, range)) chunks.push(chunk);
  return chunks;
}

async function count(table: 'blobs' | 'blob_chunks', sha256: Buffer): Promise<number> {
  const { rows } = await database.pool.query(`SELECT count(*)::int AS n FROM ${table} WHERE sha256 = $1`, [
    sha256,
  ]);
  return rows[0].n;
}

for (const size of [0, 1, 100, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 12_345]) {
  t.test(`${size} bytes come back as they went in, in chunks of at most 1 MiB`, async (t) => {
    const bytes = randomBytes(size);
    const file = await stage(bytes);
    await insertImage(database, file);
    const chunks = await read(file.sha256);
    t.ok(Buffer.concat(chunks).equals(bytes));
    t.equal(chunks.length, Math.ceil(size / MIB));
    t.ok(chunks.every((chunk) => chunk.length <= MIB));
    t.equal(await count('blob_chunks', file.sha256), Math.ceil(size / MIB));
  });
}

t.test('ranges are cut exactly, also at the borders of chunks and past the end', async (t) => {
  const bytes = randomBytes(3 * MIB + 7);
  const file = await stage(bytes);
  await insertImage(database, file);
  const ranges: [number, number][] = [
    [0, 1],
    [0, MIB],
    [0, MIB + 1],
    [MIB - 1, MIB],
    [MIB - 1, MIB + 1],
    [MIB, MIB + 1],
    [MIB, 2 * MIB],
    [5, 3 * MIB + 6],
    [2 * MIB - 3, 3 * MIB + 2],
    [3 * MIB, 3 * MIB + 7],
    [3 * MIB + 6, 3 * MIB + 7],
    [3 * MIB + 6, 9 * MIB],
    [100, 100],
    [3 * MIB + 7, 3 * MIB + 8],
    [50 * MIB, 51 * MIB],
  ];
  for (const [start, end] of ranges) {
    const found = Buffer.concat(await read(file.sha256, { start, end }));
    t.ok(found.equals(bytes.subarray(start, end)), `${start} to ${end}`);
  }
});

t.test('an unknown blob is not found', async (t) => {
  await t.rejects(read(randomBytes(32)), { name: 'AppError', code: 'not_found' });
});

t.test('equal bytes are stored once; they go with the last row that names them', async (t) => {
  const { rows } = await database.pool.query(
    `INSERT INTO users (id, name) VALUES (gen_random_uuid(), 'other') RETURNING id`,
  );
  const file = await stage(randomBytes(MIB + 1));
  const first = await insertImage(database, file);
  const second = await insertImage(database, file, rows[0].id);
  t.equal(await count('blob_chunks', file.sha256), 2);
  await deleteImage(database, first, file.sha256);
  t.equal(Buffer.concat(await read(file.sha256)).length, MIB + 1);
  await deleteImage(database, second, file.sha256);
  t.equal(await count('blobs', file.sha256), 0);
  t.equal(await count('blob_chunks', file.sha256), 0);
});

t.test('bytes of a transaction that is rolled back were never there', async (t) => {
  const file = await stage(randomBytes(2 * MIB));
  const failing = withTransaction(database.pool, async (client) => {
    await store.commit(client, file);
    throw new Error('changed my mind');
  });
  await t.rejects(failing, { message: 'changed my mind' });
  t.equal(await count('blobs', file.sha256), 0);
});

for (const [size, [way, insert]] of [1000, MIB, 2 * MIB].flatMap((size) =>
  INSERTS.map((of) => [size, of] as const),
)) {
  t.test(
    `a staged file that is not its ${size} bytes is refused in ${way}, and others are stored`,
    async (t) => {
      const file = await stage(randomBytes(size));
      await truncate(file.path, size - 1);
      await t.rejects(insert(database, file), { message: new RegExp(`${size - 1} bytes`) });
      await truncate(file.path, size + 1);
      await t.rejects(insert(database, file), { message: new RegExp(`${size + 1} bytes`) });
      await rm(file.path);
      await t.rejects(insert(database, file), { code: 'ENOENT' });
      t.equal(await count('blobs', file.sha256), 0);
      // Over each of the connections: what failed on one must not have spoiled its prepared statements.
      const others = await Promise.all(Array.from({ length: 10 }, () => stage(randomBytes(size))));
      await Promise.all(others.map((other) => insert(database, other)));
      for (const { sha256, path } of others) {
        if (!Buffer.concat(await read(sha256)).equals(await readFile(path)))
          t.fail('other bytes were stored');
      }
    },
  );
}

t.test('commits of equal bytes at once all succeed, and store them once', async (t) => {
  const file = await stage(randomBytes(2 * MIB));
  await Promise.all(
    Array.from({ length: 8 }, () => withTransaction(database.pool, (client) => store.commit(client, file))),
  );
  t.equal(await count('blobs', file.sha256), 1);
  t.equal(await count('blob_chunks', file.sha256), 2);
});

for (const size of [2000, MIB, MIB + 1]) {
  t.test(`${size} bytes and the row that names them are stored by one call, or neither`, async (t) => {
    const file = await stage(randomBytes(size));
    await t.rejects(insertNamedImage(database, file, randomUUID()), { code: '23503' }, 'no such owner');
    t.equal(await count('blobs', file.sha256), 0);
    const id = await insertNamedImage(database, file);
    t.ok(Buffer.concat(await read(file.sha256)).equals(await readFile(file.path)));
    await t.rejects(insertNamedImage(database, file), { code: '23505' }, 'the owner has it');
    await deleteImage(database, id, file.sha256);
    t.equal(await count('blob_chunks', file.sha256), 0);
  });
}

for (const [size, [way, insert]] of [500, MIB + 500].flatMap((size) =>
  INSERTS.map((of) => [size, of] as const),
)) {
  t.test(
    `deleting and committing ${size} equal bytes in ${way} at once never loses bytes that a row names`,
    async (t) => {
      const file = await stage(randomBytes(size));
      const { rows: users } = await database.pool.query<{ id: string }>(
        'INSERT INTO users (id, name) SELECT gen_random_uuid(), $1 FROM generate_series(1, 3) RETURNING id',
        [`racer ${size} ${way}`],
      );
      await Promise.all(
        users.map(async ({ id: owner }) => {
          for (let round = 0; round < 40; round++) {
            const id = await insert(database, file, owner);
            const bytes = Buffer.concat(await read(file.sha256));
            if (bytes.length !== size) t.fail(`${bytes.length} bytes in round ${round}`);
            await deleteImage(database, id, file.sha256);
          }
        }),
      );
      t.equal(await count('blobs', file.sha256), 0, 'and leaves nothing behind');
    },
  );
}

t.test('deletions that share blobs in another order do not fail', async (t) => {
  const files = await Promise.all(Array.from({ length: 6 }, () => stage(randomBytes(100))));
  for (let round = 0; round < 10; round++) {
    await withTransaction(database.pool, async (client) => {
      for (const file of files) await store.commit(client, file);
    });
    const hashes = files.map(({ sha256 }) => sha256);
    await Promise.all(
      [hashes, hashes.toReversed()].map((order) =>
        withTransaction(database.pool, (client) => store.deleteUnreferenced(client, order)),
      ),
    );
  }
  t.equal(await count('blobs', files[0]?.sha256 ?? Buffer.alloc(0)), 0);
});

t.test('a reader that pauses holds no connection', async (t) => {
  const file = await stage(randomBytes(4 * MIB));
  await insertImage(database, file);
  const chunks = store.read(file.sha256);
  await chunks.next();
  await sleep(200);
  t.equal(database.pool.idleCount, database.pool.totalCount);
  const { rows } = await database.pool.query(
    `SELECT count(*)::int AS busy FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' AND backend_type = 'client backend'`,
  );
  t.equal(rows[0].busy, 0);
  await chunks.return(undefined);
});

t.test('chunks are kept uncompressed, so that a part of one is read alone', async (t) => {
  const file = await stage(Buffer.alloc(MIB));
  await insertImage(database, file);
  const { rows } = await database.pool.query(
    'SELECT pg_column_size(data) AS stored, pg_column_compression(data) AS method FROM blob_chunks WHERE sha256 = $1',
    [file.sha256],
  );
  t.same(rows, [{ stored: MIB, method: null }]);
});
