import { createHash } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import pg from 'pg';
import t, { type Test } from 'tap';
import { applyWithin, type Migration, readMigrations } from '../../src/db/migrate.ts';
import { logIn } from '../accounts/people.ts';
import { backUpTo, fill, makeBackupFolder, readEverything, restoreTo, tablesOf } from '../backup/support.ts';
import { createTestApp } from '../support/app.ts';
import { ADMIN, REQUIRED_AUTHENTICATION } from '../support/credentials.ts';
import { createEmptyDatabase } from '../support/database.ts';

/** All tables, each after those that it refers to. */
const TABLES = [
  'users',
  'sessions',
  'api_keys',
  'audit_events',
  'log_in_attempts',
  'blobs',
  'blob_chunks',
  'images',
  'artifacts',
  'artifact_inputs',
  'frame_sets',
  'frames',
  'jobs',
  'job_items',
  'job_turns',
  'workers',
  'work_permits',
] as const;

/** It is filled by triggers. */
const COUNTED = 'stored_bytes';

/** Artifacts with a document, and what belongs to them alone: versions before this migration could not write them. */
const DOCUMENTS = '0002_artifact_documents';
const WITH_DOCUMENT = 'FROM artifacts WHERE document_sha256 IS NOT NULL';
const THEIR_BYTES = `sha256 IN (SELECT unnest(ARRAY[sha256, document_sha256]) ${WITH_DOCUMENT})`;
/** Files of image logs. */
const LOG_FILES = '0006_keep_log_files';
const OF_LOG_FILES = 'sha256 IN (SELECT file_sha256 FROM frame_sets)';

/** Users who can log in. */
const ACCOUNTS = '0007_users_and_keys';

/** Files that jobs work on. */
const JOBS = '0008_jobs';
const OF_JOBS = 'sha256 IN (SELECT input_sha256 FROM jobs)';

/** The rows of each table that versions before a migration could not write. */
const NEWER_ROWS: readonly { before: string; rows: Readonly<Record<string, string>> }[] = [
  {
    before: DOCUMENTS,
    rows: {
      artifacts: 'document_sha256 IS NOT NULL',
      artifact_inputs: `artifact_id IN (SELECT id ${WITH_DOCUMENT})`,
      blobs: THEIR_BYTES,
      blob_chunks: THEIR_BYTES,
    },
  },
  { before: LOG_FILES, rows: { blobs: OF_LOG_FILES, blob_chunks: OF_LOG_FILES } },
  { before: ACCOUNTS, rows: { users: 'email IS NOT NULL' } },
  { before: JOBS, rows: { blobs: OF_JOBS, blob_chunks: OF_JOBS } },
];

async function connect(t: Test, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

/** A database that has only these migrations, with the rows of another one that it has room for. */
async function createOldDatabase(
  t: Test,
  migrations: readonly Migration[],
  source: pg.Client,
): Promise<string> {
  const { url } = await createEmptyDatabase(t);
  const old = await connect(t, url);
  await old.query('BEGIN');
  await applyWithin(old, migrations);
  const last = migrations.at(-1)?.name ?? '';
  const tables = await old.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  );
  const existing = tables.rows.map(({ name }) => name);
  for (const table of TABLES.filter((name) => existing.includes(name))) {
    const newer = NEWER_ROWS.flatMap(({ before, rows }) => (last < before ? (rows[table] ?? []) : []));
    const condition = newer.map((rows) => `(${rows}) IS NOT TRUE`).join(' AND ') || 'true';
    const { rows } = await source.query(`SELECT to_json(t) AS row FROM ${table} t WHERE ${condition}`);
    const { rows: columns } = await old.query<{ names: string }>(
      `SELECT string_agg(quote_ident(column_name), ', ') AS names FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'`,
      [table],
    );
    const names = columns[0]?.names;
    // The jobs have the counts of their items already.
    if (table === 'job_items') await old.query('ALTER TABLE job_items DISABLE TRIGGER USER');
    // Columns that the old table does not have yet are ignored.
    await old.query(
      `INSERT INTO ${table} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1) ON CONFLICT DO NOTHING`,
      [JSON.stringify(rows.map(({ row }) => row))],
    );
    if (table === 'job_items') await old.query('ALTER TABLE job_items ENABLE TRIGGER USER');
  }
  if (existing.includes('frames')) {
    await old.query("SELECT setval(pg_get_serial_sequence('frames', 'id'), (SELECT max(id) FROM frames))");
  }
  await old.query('COMMIT');
  return url;
}

/** Reads everything that the rows of a database stand for, by HTTP. */
async function readByHttp(
  get: (path: string) => Promise<LightMyRequestResponse>,
  client: pg.Client,
): Promise<Record<string, string>> {
  const ids = async (table: string) =>
    (await client.query<{ id: string }>(`SELECT id FROM ${table} ORDER BY id`)).rows.map(({ id }) => id);
  const paths = ['/images', '/frame-sets', '/frames/export?format=ndjson', '/jobs'];
  for (const id of await ids('jobs')) paths.push(`/jobs/${id}`, `/jobs/${id}/items`);
  for (const id of await ids('images')) paths.push(`/images/${id}`, `/images/${id}/content`);
  for (const id of await ids('artifacts')) paths.push(`/artifacts/${id}`, `/artifacts/${id}/content`);
  const { rows: masks } = await client.query<{ id: string }>("SELECT id FROM artifacts WHERE kind = 'mask'");
  for (const { id } of masks) paths.push(`/artifacts/${id}/segments/geojson`);
  const { rows: logs } = await client.query<{ id: string }>(
    'SELECT id FROM frame_sets WHERE file_sha256 IS NOT NULL',
  );
  for (const { id } of logs) paths.push(`/frame-sets/${id}/content`);
  const answers: Record<string, string> = {};
  for (const path of paths) {
    const { statusCode, rawPayload } = await get(path);
    // Of earlier logs, the file was not kept.
    const isList = path === '/frame-sets';
    const bytes = isList ? rawPayload.toString().replace(/"content_url":("[^"]*"|null)/g, '') : rawPayload;
    answers[path] = `${statusCode} ${createHash('sha256').update(bytes).digest('hex')}`;
  }
  return answers;
}

/** What `stored_bytes` must hold, by plain sums. */
const STORED_BYTES = `SELECT owner_id, sum(bytes)::bigint AS bytes FROM (
    SELECT owner_id, size AS bytes FROM images
    UNION ALL SELECT owner_id, size + coalesce(document_size, 0) FROM artifacts WHERE retention = 'kept'
    UNION ALL SELECT owner_id, size FROM frame_sets
    UNION ALL SELECT owner_id, input_size FROM jobs WHERE input_size IS NOT NULL
  ) AS stored GROUP BY owner_id ORDER BY owner_id`;

const migrations = await readMigrations();
const source = await createTestApp(t, {}, { hasForeignRows: true });
await fill(source);
const sourceUrl = source.config.DATABASE_URL ?? '';
const sourceClient = await connect(t, sourceUrl);
// An artifact of an earlier version of its operation.
await sourceClient.query(
  "UPDATE artifacts SET version = 1, key = sha256(key) WHERE id = (SELECT id FROM artifacts WHERE operation = 'transform' LIMIT 1)",
);

t.test('the rows are of every table', async (t) => {
  t.same(
    (await tablesOf(sourceUrl)).filter((name) => name !== '_prisma_migrations'),
    [...TABLES, COUNTED].sort(),
  );
  for (const table of [...TABLES, COUNTED])
    t.not((await sourceClient.query(`SELECT FROM ${table}`)).rowCount, 0, table);
});

for (const [index, { name }] of migrations.entries()) {
  t.test(`a database of ${name} starts with this version, and everything is there`, async (t) => {
    const applied = migrations.slice(0, index + 1);
    const url = await createOldDatabase(t, applied, sourceClient);
    const client = await connect(t, url);
    const folder = await makeBackupFolder(t);
    const { manifest } = await backUpTo(folder, url);
    t.equal(manifest.migration, name);

    const started = await createTestApp(t, { DATABASE_URL: url });
    // Before anything is read, as reading stores what it derives.
    const upgraded = await readEverything(url);
    const expected = await readByHttp((path) => source.app.inject(path), client);
    const found = await readByHttp((path) => started.app.inject(path), client);
    const lists = ['/images', '/frame-sets', '/frames/export?format=ndjson'];
    for (const [path, answer] of Object.entries(expected)) {
      // Before there were frames or jobs, their lists are empty.
      const has = (name: string) => manifest.tables.some((table) => table.name === name);
      const isOld = (path.includes('frame') && !has('frames')) || (path.includes('jobs') && !has('jobs'));
      if (!isOld) t.equal(found[path], answer, path);
      t.match(answer, /^200 /);
    }
    t.ok(Object.keys(found).length >= lists.length + 8, 'images, their bytes, artifacts and theirs');

    const restored = await createEmptyDatabase(t);
    const { newer } = await restoreTo(folder, restored.url);
    t.same(
      newer,
      migrations.slice(index + 1).map((migration) => migration.name),
    );
    t.same(await readEverything(restored.url), upgraded, 'its backup is upgraded alike');

    const { rows: counted } = await client.query('SELECT owner_id, bytes FROM stored_bytes ORDER BY 1');
    t.same(counted, (await client.query(STORED_BYTES)).rows, 'what is stored was counted');

    // With another process, which asks for credentials, it belongs to the first administrator.
    const required = await createTestApp(t, { ...REQUIRED_AUTHENTICATION, DATABASE_URL: url });
    t.equal((await required.app.inject('/images')).statusCode, 401);
    const admin = await logIn(required, ADMIN.email);
    // Reading has stored what it derives.
    const ofAdmin = await readByHttp((path) => admin.send('GET', path), client);
    for (const [path, answer] of Object.entries(found)) t.equal(ofAdmin[path], answer, path);
    const me = (await admin.send('GET', '/users/me')).json();
    t.match(me, { role: 'admin', stored_bytes: Number(counted[0].bytes) });

    for (const { id, state } of (await started.app.inject('/jobs')).json().items) {
      if (state === 'queued') t.equal((await started.send('POST', `/jobs/${id}/cancel`)).statusCode, 200);
      t.equal((await started.app.inject({ method: 'DELETE', url: `/jobs/${id}` })).statusCode, 204);
    }
    const { items } = (await started.app.inject('/images')).json();
    for (const { id } of items) {
      t.equal((await started.send('POST', `/images/${id}/resize`, { width: 17 })).statusCode, 201);
      t.equal((await started.app.inject({ method: 'DELETE', url: `/images/${id}` })).statusCode, 204);
    }
    for (const { id } of (await started.app.inject('/frame-sets')).json().items) {
      t.equal((await started.app.inject({ method: 'DELETE', url: `/frame-sets/${id}` })).statusCode, 204);
    }
    const { rows } = await client.query('SELECT count(*)::int AS n FROM blob_chunks');
    t.same(rows, [{ n: 0 }], 'and everything can be deleted');
  });
}
