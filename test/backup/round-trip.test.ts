import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { backUp } from '../../src/backup/backup.ts';
import { NOT_COPIED, readTables, requireEmpty } from '../../src/backup/catalog.ts';
import { withClient } from '../../src/backup/connect.ts';
import { readManifest } from '../../src/backup/manifest.ts';
import { readMigrations } from '../../src/db/migrate.ts';
import { createTestApp } from '../support/app.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts';
import {
  backUpTo,
  filesOf,
  fill,
  makeBackupFolder,
  optionsFor,
  readEverything,
  restoreTo,
  uploadLog,
} from './support.ts';

t.test('a restored database is equal in every row, sequence, constraint and trigger', async (t) => {
  const original = await createTestApp(t);
  await fill(original);
  const url = original.config.DATABASE_URL ?? '';
  const folder = await makeBackupFolder(t);
  const { name, manifest, blobs } = await backUpTo(folder, url);
  t.equal(blobs.newCount, blobs.count);
  t.same(await readManifest(folder.pathOf(name)), manifest);
  for (const file of await filesOf(folder)) {
    t.equal((await stat(file)).mode & 0o777, 0o600, `${file} is its owner's alone`);
    t.equal((await stat(path.dirname(file))).mode & 0o777, 0o700);
  }

  const empty = await createEmptyDatabase(t);
  const { newer } = await restoreTo(folder, empty.url);
  t.same(newer, []);
  const expected = await readEverything(url);
  t.same(await readEverything(empty.url), expected);
  for (const [table, rows] of Object.entries(expected)) {
    if (!Array.isArray(rows)) t.ok((rows as { rows: number }).rows > 0, `${table} has rows to compare`);
  }

  const restored = await createTestApp(t, { DATABASE_URL: empty.url });
  for (const { id, sha256 } of (await restored.app.inject('/images')).json().items) {
    const content = await restored.app.inject(`/images/${id}/content`);
    t.equal(createHash('sha256').update(content.rawPayload).digest('hex'), sha256);
  }
  const frameSet = await uploadLog(restored.app, 'second', 10);
  t.equal(
    (await restored.app.inject(`/frames?frame_set_id=${frameSet}`)).statusCode,
    200,
    'the ids of new frames follow the old ones',
  );
});

t.test('the next backup writes only what is new, and each can be restored', async (t) => {
  const app = await createTestApp(t);
  await fill(app);
  const url = app.config.DATABASE_URL ?? '';
  const folder = await makeBackupFolder(t);
  const first = await backUpTo(folder, url);
  const before = await readEverything(url);
  const [image] = (await app.app.inject('/images')).json().items;
  await app.send('POST', `/images/${image.id}/resize`, { width: 41 });
  const second = await backUpTo(folder, url);
  t.equal(second.blobs.newCount, 1);
  t.equal(second.blobs.count, first.blobs.count + 1);
  t.same(await folder.list(), [first.name, second.name]);
  const [old, latest] = [await createEmptyDatabase(t), await createEmptyDatabase(t)];
  await restoreTo(folder, old.url, first.name);
  t.same(await readEverything(old.url), before);
  await restoreTo(folder, latest.url);
  t.same(await readEverything(latest.url), await readEverything(url));
});

t.test('no table and no sequence of the schema is forgotten', async (t) => {
  const { url } = await createTestDatabase(t);
  await withClient(url, new AbortController().signal, async (client) => {
    const { tables, foreign } = await readTables(client, await readMigrations());
    t.same(foreign, [], 'each table is found in the SQL of the migrations');
    const { rows } = await client.query(
      "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace",
    );
    t.equal(tables.length + NOT_COPIED.length, rows.length, 'all but those that are not copied');
    const { rows: sequences } = await client.query('SELECT FROM pg_sequences');
    t.equal(tables.flatMap((table) => table.sequenceColumns).length, sequences.length);
    const { rows: columns } = await client.query(
      "SELECT column_name FROM information_schema.columns WHERE table_name = 'blob_chunks' ORDER BY 1",
    );
    t.same(
      columns.map((column) => column.column_name),
      ['data', 'index', 'sha256'],
      'what blobs.ts writes',
    );
  });
});

t.test('the catalog tells computed columns, sequences and keys of text apart', async (t) => {
  const { url } = await createEmptyDatabase(t);
  await withClient(url, new AbortController().signal, async (client) => {
    const sql = `CREATE TABLE "odd" (
      "B" text COLLATE "C", "a b" int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (c * 2) STORED, c int, gone int,
      PRIMARY KEY (c, "B"))`;
    await client.query(`${sql}; ALTER TABLE odd DROP COLUMN gone; CREATE TABLE other (id int PRIMARY KEY)`);
    const { tables, foreign } = await readTables(client, [{ name: '0001_odd', sql, checksum: '' }]);
    t.same(foreign, ['other']);
    t.same(tables, [
      { name: 'odd', columns: ['B', 'a b', 'c'], order: 'c, "B" COLLATE "C"', sequenceColumns: ['a b'] },
    ]);
    await client.query('CREATE TABLE "keyless" (a int)');
    await t.rejects(
      readTables(client, [{ name: '0001', sql: 'CREATE TABLE "keyless" (', checksum: '' }]),
      /keyless has no primary key/,
    );
    await t.rejects(requireEmpty(client), /it has the table keyless/);
  });
});

t.test('tables of others are left out, with a notice', async (t) => {
  const database = await createTestDatabase(t);
  const { pool } = await database.open();
  await pool.query('CREATE TABLE notes (id int PRIMARY KEY)');
  const folder = await makeBackupFolder(t);
  const warnings: string[] = [];
  await backUp(folder, { ...optionsFor(database.url), warn: (text) => warnings.push(text) });
  t.match(warnings, [/notes/]);
  await restoreTo(folder, (await createEmptyDatabase(t)).url);
});

t.test('a database with tables, without migrations, or with newer ones is refused', async (t) => {
  const folder = await makeBackupFolder(t);
  const database = await createTestDatabase(t);
  const empty = await createEmptyDatabase(t);
  await t.rejects(backUpTo(folder, empty.url), { name: 'BackupError', message: /no data of Coreframe/ });
  t.same(await folder.list(), []);
  await t.rejects(restoreTo(folder, empty.url), { message: /There is no backup in/ });
  await backUpTo(folder, database.url);
  await t.rejects(restoreTo(folder, database.url), { message: /not empty.*DATA_DIR.*DATABASE_URL/s });
  await t.rejects(restoreTo(folder, empty.url, '2000-01-01T00-00-00.000Z'), {
    message: /There is no backup/,
  });
  await t.rejects(restoreTo(folder, empty.url, '../..'), { message: /There is no backup/ });
  t.throws(() => folder.pathOf('../..'), { message: /not the name of a backup/ });
  const refused = await backUpTo(folder, 'postgresql://u:s3cret@127.0.0.1:1/x').catch(
    (error) => error.message,
  );
  t.match(refused, /127\.0\.0\.1:1 cannot be used/);
  t.notMatch(refused, /s3cret/);
});

t.test('blobs that do not match their hash in the database fail the backup', async (t) => {
  const app = await createTestApp(t, {}, { hasForeignRows: true });
  await fill(app);
  const folder = await makeBackupFolder(t);
  const url = app.config.DATABASE_URL ?? '';
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  await client.query("INSERT INTO blobs (sha256, size, media_type) VALUES (sha256(''), 0, 'text/plain')");
  await client.query(
    `UPDATE blob_chunks SET data = set_byte(data, 9, get_byte(data, 9) # 4) WHERE sha256 = (SELECT sha256 FROM images WHERE filename = 'small.jpg')`,
  );
  const { rows } = await client.query<{ hex: string }>(
    "SELECT encode(sha256, 'hex') AS hex FROM images WHERE filename = 'small.jpg'",
  );
  await t.rejects(backUpTo(folder, url), {
    name: 'BackupError',
    message: new RegExp(`${rows[0]?.hex}.*do not match`),
  });
  t.same(await folder.list(), []);
  await client.query(
    `UPDATE blob_chunks SET data = set_byte(data, 9, get_byte(data, 9) # 4) WHERE sha256 = (SELECT sha256 FROM images WHERE filename = 'small.jpg')`,
  );
  await backUpTo(folder, url);
  const empty = await createEmptyDatabase(t);
  await restoreTo(folder, empty.url);
  t.same(await readEverything(empty.url), await readEverything(url), 'also a blob of no bytes');
  t.equal((await readFile(folder.blobPath(createHash('sha256').digest()))).length, 0);
});
