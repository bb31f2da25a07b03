import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rm, truncate } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { BlobStore, ByteRange, StagedFile } from '../../src/blobs/blob-store.ts';
import { BlobRegistry } from '../../src/blobs/postgres/blob-registry.ts';
import { type Database, type Transaction, withTransaction } from '../../src/db/database.ts';
import { stageBytes } from '../support/blobs.ts';
import { createTestDatabase } from '../support/database.ts';

export const MIB = 1024 * 1024;
const LOCAL_USER = '00000000-0000-4000-8000-000000000001';
const CONNECTIONS = 10;

/** What the tests of one store work with. */
export interface ContractStore {
  database: Database;
  stage(bytes: Buffer): Promise<StagedFile>;
  /** Stores a file together with a row that names it, and returns the row's id. */
  insert(file: StagedFile, owner?: string): Promise<string>;
  /** Deletes such a row, and the bytes if no other row names them. */
  remove(id: string, sha256: Buffer): Promise<void>;
  read(sha256: Buffer, range?: ByteRange): Promise<Buffer[]>;
  /** Rows in `blobs` with this hash. */
  count(sha256: Buffer): Promise<number>;
}

/**
 * What every `BlobStore` must do, together with the rows that name its blobs.
 *
 * @param open the store, for a database of the test's own
 * @returns the store and its surroundings, for tests of that store alone
 */
export async function testBlobStore(
  open: (database: Database) => BlobStore<Transaction>,
): Promise<ContractStore & { store: BlobStore<Transaction> }> {
  const folder = t.testdir();
  const database = await (await createTestDatabase(t)).open({ poolSize: CONNECTIONS });
  const store = open(database);
  const registry = new BlobRegistry(store);
  const stage = (bytes: Buffer) => stageBytes(folder, bytes);

  const insert = (file: StagedFile, owner = LOCAL_USER) =>
    withTransaction(database.pool, async (client, transaction) => {
      await registry.add([file], transaction);
      const id = randomUUID();
      await client.query(
        `INSERT INTO images (id, owner_id, sha256, filename, size, format, width, height, channels, depth, has_alpha, pages,
           color_space, details)
         VALUES ($1, $2, $3, 'a.png', $4, 'png', 1, 1, 3, 'uchar', false, 1, 'srgb', '{}')`,
        [id, owner, file.sha256, file.size],
      );
      return id;
    });

  const remove = (id: string, sha256: Buffer) =>
    withTransaction(database.pool, async (client, transaction) => {
      await client.query('DELETE FROM images WHERE id = $1', [id]);
      await registry.deleteUnreferenced([sha256], transaction);
    });

  const read = async (sha256: Buffer, range?: ByteRange) => {
    const chunks: Buffer[] = [];
    for await (const chunk of store.read(sha256, range)) chunks.push(chunk);
    return chunks;
  };

  const count = async (sha256: Buffer) => {
    const { rowCount } = await database.pool.query('SELECT FROM blobs WHERE sha256 = $1', [sha256]);
    return rowCount ?? 0;
  };

  const addUsers = async (number: number) => {
    const { rows } = await database.pool.query<{ id: string }>(
      `INSERT INTO users (id, name) SELECT gen_random_uuid(), 'other' FROM generate_series(1, $1::int) RETURNING id`,
      [number],
    );
    return rows.map(({ id }) => id);
  };

  const isGone = async (t: Test, sha256: Buffer) => {
    t.equal(await count(sha256), 0);
    await t.rejects(read(sha256), { name: 'AppError', code: 'not_found' });
  };

  for (const size of [0, 1, 100, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 12_345]) {
    t.test(`${size} bytes come back as they went in, in chunks of at most 1 MiB`, async (t) => {
      const bytes = randomBytes(size);
      const file = await stage(bytes);
      await insert(file);
      const chunks = await read(file.sha256);
      t.ok(Buffer.concat(chunks).equals(bytes));
      t.ok(chunks.every((chunk) => chunk.length <= MIB));
      t.ok((await readFile(file.path)).equals(bytes), 'the staged file is left where it is');
    });
  }

  t.test('ranges are cut exactly, also at the borders of chunks and past the end', async (t) => {
    const bytes = randomBytes(3 * MIB + 7);
    const file = await stage(bytes);
    await insert(file);
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
    await isGone(t, randomBytes(32));
  });

  t.test('equal bytes are stored once; they go with the last row that names them', async (t) => {
    const [other] = await addUsers(1);
    const file = await stage(randomBytes(MIB + 1));
    const first = await insert(file);
    const second = await insert(file, other);
    t.equal(await count(file.sha256), 1);
    await remove(first, file.sha256);
    t.equal(Buffer.concat(await read(file.sha256)).length, MIB + 1);
    await remove(second, file.sha256);
    await isGone(t, file.sha256);
  });

  for (const size of [2000, 2 * MIB]) {
    t.test(`if the row that names ${size} bytes is not stored, neither are they`, async (t) => {
      const file = await stage(randomBytes(size));
      await t.rejects(insert(file, randomUUID()), { code: 'invalid_credential' }, 'no such owner');
      await isGone(t, file.sha256);
      const id = await insert(file);
      await t.rejects(insert(file), { code: '23505' }, 'the owner has it');
      t.ok(Buffer.concat(await read(file.sha256)).equals(await readFile(file.path)));
      await remove(id, file.sha256);
      await isGone(t, file.sha256);
    });
  }

  t.test('a deletion that is rolled back deletes nothing', async (t) => {
    const file = await stage(randomBytes(MIB + 1));
    const id = await insert(file);
    const failing = withTransaction(database.pool, async (client, transaction) => {
      await client.query('DELETE FROM images WHERE id = $1', [id]);
      await registry.deleteUnreferenced([file.sha256], transaction);
      throw new Error('changed my mind');
    });
    await t.rejects(failing, { message: 'changed my mind' });
    t.ok(Buffer.concat(await read(file.sha256)).equals(await readFile(file.path)));
  });

  for (const size of [1000, MIB, 2 * MIB]) {
    t.test(`a staged file that is not its ${size} bytes is refused, and others are stored`, async (t) => {
      const file = await stage(randomBytes(size));
      await truncate(file.path, size - 1);
      await t.rejects(insert(file), { message: new RegExp(`${size - 1} bytes`) });
      await truncate(file.path, size + 1);
      await t.rejects(insert(file), { message: new RegExp(`${size + 1} bytes`) });
      await rm(file.path);
      await t.rejects(insert(file), { code: 'ENOENT' });
      await isGone(t, file.sha256);
      // Over each of the connections: what failed on one must not have spoiled its prepared statements.
      const others = await Promise.all(Array.from({ length: CONNECTIONS }, () => stage(randomBytes(size))));
      await Promise.all(others.map((other) => insert(other)));
      for (const { sha256, path } of others) {
        t.ok(Buffer.concat(await read(sha256)).equals(await readFile(path)));
      }
    });
  }

  t.test('equal bytes that are stored at the same time are all stored, once', async (t) => {
    const file = await stage(randomBytes(2 * MIB));
    const owners = await addUsers(8);
    const ids = await Promise.all(owners.map((owner) => insert(file, owner)));
    t.equal(await count(file.sha256), 1);
    await Promise.all(ids.map((id) => remove(id, file.sha256)));
    await isGone(t, file.sha256);
  });

  for (const size of [500, MIB + 500]) {
    t.test(`deleting and storing ${size} equal bytes never loses bytes that a row names`, async (t) => {
      const file = await stage(randomBytes(size));
      const owners = await addUsers(3);
      await Promise.all(
        owners.map(async (owner) => {
          for (let round = 0; round < 40; round += 1) {
            const id = await insert(file, owner);
            const bytes = Buffer.concat(await read(file.sha256));
            if (bytes.length !== size) t.fail(`${bytes.length} bytes in round ${round}`);
            await remove(id, file.sha256);
          }
        }),
      );
      await isGone(t, file.sha256);
    });
  }

  t.test('deletions that share blobs in another order do not fail', async (t) => {
    const files = await Promise.all(Array.from({ length: 6 }, () => stage(randomBytes(100))));
    const hashes = files.map(({ sha256 }) => sha256);
    for (let round = 0; round < 10; round += 1) {
      await withTransaction(database.pool, (_, transaction) => registry.add(files, transaction));
      await Promise.all(
        [hashes, hashes.toReversed()].map((order) =>
          withTransaction(database.pool, (_, transaction) => registry.deleteUnreferenced(order, transaction)),
        ),
      );
    }
    for (const sha256 of hashes) await isGone(t, sha256);
  });

  t.test('a reader that pauses holds no connection', async (t) => {
    const file = await stage(randomBytes(4 * MIB));
    await insert(file);
    const chunks = store.read(file.sha256)[Symbol.asyncIterator]();
    await chunks.next();
    // The next chunk may still be on its way.
    for (let turn = 0; turn < 200 && database.pool.idleCount < database.pool.totalCount; turn += 1)
      await sleep(10);
    t.equal(database.pool.idleCount, database.pool.totalCount);
    await chunks.return?.();
  });

  return { store, database, stage, insert, remove, read, count };
}
