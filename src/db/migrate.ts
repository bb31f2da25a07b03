import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ClientBase, Pool, PoolClient } from 'pg';
import { retryConflicts } from './database.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../prisma/migrations');

/** The key of `prisma migrate`'s own advisory lock, so that it and this migrator exclude each other. */
export const MIGRATION_LOCK = 72_707_369;

/** PostgreSQL's code for a table, an index or a sequence whose name is taken. */
const DUPLICATE_TABLE = '42P07';

/** The table as `prisma migrate` creates it. */
const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id                  VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum            VARCHAR(64) NOT NULL,
  finished_at         TIMESTAMPTZ,
  migration_name      VARCHAR(255) NOT NULL,
  logs                TEXT,
  rolled_back_at      TIMESTAMPTZ,
  started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

/** The database and the migrations of this version do not match. The message says how to proceed. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface Migration {
  /** Name of its folder, for example `0001_initial`. Migrations are applied in the order of their names. */
  name: string;
  sql: string;
  /** SHA-256 of the file, in hexadecimal, as `prisma migrate` computes it. */
  checksum: string;
}

interface AppliedMigration {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

/** Reads the migrations of a folder, in the order in which they are applied. */
export async function readMigrations(folder: string = FOLDER): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(path.join(folder, name, 'migration.sql'));
      return {
        name,
        sql: bytes.toString('utf8'),
        checksum: createHash('sha256').update(bytes).digest('hex'),
      };
    }),
  );
}

/** Whether one of the migrations creates a table with this name. */
export function createsTable(migrations: readonly Migration[], name: string): boolean {
  const statements = ['TABLE', 'UNLOGGED TABLE'].map((kind) => `CREATE ${kind} "${name}"`);
  return migrations.some(({ sql }) => statements.some((statement) => sql.includes(statement)));
}

/** @throws MigrationError if an applied migration has failed, is unknown or was changed */
function checkHistory(applied: readonly AppliedMigration[], migrations: readonly Migration[]): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { migration_name: name, checksum, finished_at } of applied) {
    if (finished_at === null) {
      throw new MigrationError(
        `The migration ${name} failed earlier and may be half applied. Repair the database, then mark it with ` +
          `\`npx prisma migrate resolve\` (--applied or --rolled-back ${name}).`,
      );
    }
    const migration = known.get(name);
    if (!migration) {
      throw new MigrationError(
        `The database has the migration ${name}, which this version of Coreframe does not know: a newer version has used it. Start that version, or restore a backup.`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new MigrationError(
        `The migration ${name} was applied with different contents than prisma/migrations/${name}/migration.sql has now. Restore that file; changes belong in a new migration.`,
      );
    }
  }
}

/**
 * The migrations that the database has, in the order in which they are applied; none if it is empty.
 *
 * @throws MigrationError if an applied migration has failed, is unknown or was changed
 */
export async function readApplied(
  client: ClientBase,
  migrations: readonly Migration[],
): Promise<Migration[]> {
  const { rows: found } = await client.query(
    "SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists",
  );
  if (!found[0]?.exists) return [];
  const { rows: applied } = await client.query<AppliedMigration>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
  );
  checkHistory(applied, migrations);
  const names = new Set(applied.map((row) => row.migration_name));
  return migrations.filter(({ name }) => names.has(name));
}

/** Applies migrations and records them, in the caller's transaction. */
export async function applyWithin(client: ClientBase, migrations: readonly Migration[]): Promise<void> {
  await client.query(MIGRATIONS_TABLE);
  for (const { name, sql, checksum } of migrations) {
    await client.query(sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, clock_timestamp(), 1)`,
      [randomUUID(), checksum, name],
    );
  }
}

/** Applies and records a migration in one transaction: one that fails leaves no trace, and the next start retries it. */
async function applyOnce(client: PoolClient, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await applyWithin(client, [migration]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function apply(client: PoolClient, migration: Migration): Promise<void> {
  try {
    // Processes of the previous version may still be running, and lock the tables in a different order.
    await retryConflicts(() => applyOnce(client, migration));
  } catch (error) {
    const message = error instanceof Error ? error.message : error;
    const isTaken = error instanceof Error && 'code' in error && error.code === DUPLICATE_TABLE;
    const wayOut = isTaken
      ? '. If another application uses this database, set DATABASE_URL to one that nothing else uses.'
      : '';
    throw new MigrationError(`The migration ${migration.name} failed and was undone: ${message}${wayOut}`, {
      cause: error,
    });
  }
}

/** @throws MigrationError if the role may not create tables */
async function requireCreate(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ role: string; schema: string | null; may: boolean | null }>(
    "SELECT current_user AS role, current_schema() AS schema, has_schema_privilege(current_schema(), 'CREATE') AS may",
  );
  const { role, schema, may } = rows[0] as (typeof rows)[0];
  if (may) return;
  throw new MigrationError(
    `The role ${role} has no permission to create tables in the schema ${schema ?? 'public'}, which this version needs. Grant it CREATE, or apply the migrations as another role (\`npx prisma migrate deploy\`).`,
  );
}

/**
 * Brings the database to this version's schema. Processes that start at the same time take turns. The records are those of
 * `prisma migrate deploy`, which can be used instead. A migration runs in a transaction, so it must not contain statements that
 * refuse one (`CREATE INDEX CONCURRENTLY`).
 *
 * @param all migrations of this version, if they have been read
 * @returns the names of the newly applied migrations
 * @throws MigrationError if the database is newer than the code, an applied migration has failed or was changed, or the role may not
 *   create tables
 */
export async function migrate(pool: Pool, all?: readonly Migration[]): Promise<string[]> {
  const migrations = all ?? (await readMigrations());
  const client = await pool.connect();
  const findPending = async () => {
    const applied = new Set(await readApplied(client, migrations));
    return migrations.filter((migration) => !applied.has(migration));
  };
  try {
    // Without the lock, because a backup or the migration of another process may hold it for long.
    if ((await findPending()).length === 0) return [];
    // Waiting for another process's migration, or migrating a large table, may take longer than any request.
    await client.query('SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0');
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const pending = await findPending();
    if (pending.length > 0) await requireCreate(client);
    for (const migration of pending) await apply(client, migration);
    return pending.map(({ name }) => name);
  } finally {
    // The connection is closed, which always releases the lock and the session's settings.
    client.release(true);
  }
}
