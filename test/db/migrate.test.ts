import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import t from 'tap';
import { diffSchemas, isEmptyDiff } from '../../scripts/schema-diff.ts';
import { applyWithin, MIGRATION_LOCK, migrate, readMigrations } from '../../src/db/migrate.ts';
import { createEmptyDatabase, createTestDatabase, untilBlocked } from '../support/database.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MIGRATIONS = path.join(ROOT, 'prisma/migrations');

/** What a schema consists of, as far as Prisma's schema language can say it. */
const CATALOG = {
  columns: `SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, datetime_precision
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, column_name`,
  indexes: `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef NOT LIKE '% WHERE %'
    ORDER BY indexdef`,
  keys: `SELECT conname, conrelid::regclass::text AS table, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f') ORDER BY 2, 1`,
  enums:
    'SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid ORDER BY 1, e.enumsortorder',
};

/** Sends a migration as Prisma's own binary does, in one piece. The adapter cuts it at every semicolon, also in a function's body. */
function sendWholeScripts(factory: PrismaPg): PrismaPg {
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    adapter.executeScript = async (script) => {
      await adapter.underlyingDriver().query(script);
    };
    return adapter;
  };
  return factory;
}

async function readCatalog(pool: pg.Pool): Promise<Record<string, unknown[]>> {
  const catalog: Record<string, unknown[]> = {};
  for (const [part, query] of Object.entries(CATALOG)) catalog[part] = (await pool.query(query)).rows;
  return catalog;
}

t.test('the migrations make exactly the tables of schema.prisma', async (t) => {
  const schema = await readFile(path.join(ROOT, 'prisma/schema.prisma'), 'utf8');
  const empty = await createEmptyDatabase(t);
  const fresh = await empty.open();
  await fresh.pool.query(await diffSchemas('', schema, empty.url));
  const migrated = await (await createEmptyDatabase(t)).open();
  await migrate(migrated.pool);
  await migrated.pool.query('DROP TABLE _prisma_migrations');
  t.same(await readCatalog(migrated.pool), await readCatalog(fresh.pool));

  const last = (await readMigrations()).at(-1);
  const snapshot = await readFile(path.join(MIGRATIONS, last?.name ?? '', 'schema.prisma'), 'utf8');
  const drift = await diffSchemas(snapshot, schema, empty.url);
  t.ok(isEmptyDiff(drift), `npm run migration:new -- NAME is due: ${drift}`);
});

t.test('the first migration brings the local user, and checks what the schema cannot say', async (t) => {
  const { pool } = await (await createTestDatabase(t)).open();
  t.same((await pool.query('SELECT id, name FROM users')).rows, [
    { id: '00000000-0000-4000-8000-000000000001', name: 'local' },
  ]);
  const checks: [string, string][] = [
    [`INSERT INTO blobs (sha256, size, media_type) VALUES ('\\x00', 1, 'a/b')`, 'blobs_sha256_length'],
    [
      `INSERT INTO artifact_inputs (artifact_id, position) VALUES (gen_random_uuid(), 0)`,
      'artifact_inputs_one_source',
    ],
    [
      `INSERT INTO artifact_inputs VALUES (gen_random_uuid(), 0, gen_random_uuid(), gen_random_uuid())`,
      'artifact_inputs_one_source',
    ],
  ];
  for (const [statement, constraint] of checks)
    await t.rejects(pool.query(statement), { code: '23514', constraint });
});

t.test('processes that start at once both come up, and one migrates', async (t) => {
  const database = await createEmptyDatabase(t);
  const script = `import pg from 'pg';
    import { migrate } from './src/db/migrate.ts';
    const pool = new pg.Pool({ connectionString: process.env.URL });
    console.log(JSON.stringify(await migrate(pool)));
    await pool.end();`;
  const outputs = await Promise.all(
    [1, 2, 3].map(async () => {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
        cwd: ROOT,
        env: { ...process.env, NODE_OPTIONS: '', URL: database.url },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const [status] = await once(child, 'close');
      t.equal(status, 0);
      return JSON.parse(output);
    }),
  );
  const names = (await readMigrations()).map(({ name }) => name);
  t.same(
    outputs.sort((a, b) => a.length - b.length),
    [[], [], names],
  );
});

async function copyOfMigrations(t: { testdir(): string }): Promise<string> {
  const folder = t.testdir();
  await cp(MIGRATIONS, folder, { recursive: true });
  return folder;
}

t.test('a migration whose file was changed is refused', async (t) => {
  const folder = await copyOfMigrations(t);
  await writeFile(path.join(folder, '0001_initial/migration.sql'), '-- other');
  const { pool } = await (await createTestDatabase(t)).open();
  await t.rejects(migrate(pool, await readMigrations(folder)), {
    name: 'MigrationError',
    message: /0001_initial.*different contents/,
  });
});

t.test('a database newer than the code is refused', async (t) => {
  const { pool } = await (await createTestDatabase(t)).open();
  await pool.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('x', 'x', '9999_future', now())`,
  );
  await t.rejects(migrate(pool), { name: 'MigrationError', message: /9999_future.*newer version/ });
});

t.test('a migration that prisma left failed is refused, one that was rolled back is not', async (t) => {
  const { pool } = await (await createTestDatabase(t)).open();
  await pool.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', 'x', '0001_initial')`,
  );
  await t.rejects(migrate(pool), { name: 'MigrationError', message: /0001_initial failed earlier/ });
  await pool.query(`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE id = 'x'`);
  t.same(await migrate(pool), []);
});

t.test('a migration that loses a conflict with a process of the version before is tried again', async (t) => {
  const folder = await copyOfMigrations(t);
  await cp(path.join(folder, '0001_initial'), path.join(folder, '9000_locks'), { recursive: true });
  await writeFile(
    path.join(folder, '9000_locks/migration.sql'),
    `SET LOCAL deadlock_timeout = '50ms'; LOCK TABLE images; LOCK TABLE artifacts; CREATE TABLE locked (id int)`,
  );
  const { pool } = await (await createTestDatabase(t)).open();
  const other = await pool.connect();
  await other.query("BEGIN; SET LOCAL deadlock_timeout = '60s'; LOCK TABLE artifacts");
  const migrated = migrate(pool, await readMigrations(folder));
  await untilBlocked(pool);
  await other.query('LOCK TABLE images');
  await other.query('COMMIT');
  other.release();
  t.same(await migrated, ['9000_locks']);
});

t.test('a migration that fails leaves nothing, names itself, and is tried again', async (t) => {
  const folder = await copyOfMigrations(t);
  await cp(path.join(folder, '0001_initial'), path.join(folder, '9000_broken'), { recursive: true });
  const file = path.join(folder, '9000_broken/migration.sql');
  await writeFile(file, 'CREATE TABLE half (id int); SELECT nonsense;');
  const { pool } = await (await createTestDatabase(t)).open();
  await t.rejects(migrate(pool, await readMigrations(folder)), {
    message: /9000_broken failed and was undone: .*nonsense/,
  });
  t.same((await pool.query(`SELECT to_regclass('half') AS half`)).rows, [{ half: null }]);
  await writeFile(file, 'CREATE TABLE half (id int)');
  t.same(await migrate(pool, await readMigrations(folder)), ['9000_broken']);
  t.same(await migrate(pool, await readMigrations(folder)), []);
});

t.test('a database with the tables of another application is left as it is', async (t) => {
  const { pool } = await (await createEmptyDatabase(t)).open();
  await pool.query('CREATE TABLE images (path text)');
  await t.rejects(migrate(pool), {
    message:
      /relation "images" already exists\. If another application uses this database, set DATABASE_URL to/,
  });
  const tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
  t.strictSame((await pool.query(`${tables} AND relname <> '_prisma_migrations'`)).rows, [
    { relname: 'images' },
  ]);
});

t.test(
  'prisma migrate deploy agrees with what was recorded, and this migrator with what prisma records',
  async (t) => {
    // The engine of `prisma migrate`, in WebAssembly.
    const migrationDirectories = (await readMigrations()).map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
    }));
    const lockfile = {
      path: 'migration_lock.toml',
      content: await readFile(path.join(MIGRATIONS, 'migration_lock.toml'), 'utf8'),
    };
    const migrationsList = { baseDir: MIGRATIONS, lockfile, migrationDirectories, shadowDbInitScript: '' };
    const deploy = async (url: string) => {
      const factory = sendWholeScripts(new PrismaPg({ connectionString: url }));
      const engine = await SchemaEngine.new(
        { datamodels: undefined },
        () => undefined,
        bindMigrationAwareSqlAdapterFactory(factory),
      );
      const filters = { externalTables: [], externalEnums: [] };
      try {
        return (await engine.applyMigrations({ migrationsList, filters })).appliedMigrationNames;
      } finally {
        engine.free();
      }
    };
    t.same(await deploy((await createTestDatabase(t)).url), []);
    const empty = await createEmptyDatabase(t);
    t.same(
      await deploy(empty.url),
      migrationDirectories.map(({ path }) => path),
    );
    t.same(await migrate((await empty.open()).pool), []);
  },
);

t.test('a role that may not create tables can wait for the migration of another one', async (t) => {
  const database = await createEmptyDatabase(t);
  const { pool: owner } = await database.open();
  const role = `waiting_${database.name}`;
  await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pass'`);
  const url = Object.assign(new URL(database.url), { username: role, password: 'pass' }).toString();
  const other = new pg.Pool({ connectionString: url });
  const migrating = await owner.connect();
  try {
    await migrating.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const waiting = migrate(other);
    await untilBlocked(owner);
    await applyWithin(migrating, await readMigrations());
    await migrating.query(`GRANT SELECT ON _prisma_migrations TO ${role}`);
    await migrating.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    t.same(await waiting, []);
  } finally {
    migrating.release(true);
    await other.end();
    await owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
