import pg from 'pg';
import { normalizeDatabaseUrl } from '../db/database-url.ts';
import { applyWithin, MIGRATION_LOCK, type Migration, migrate, readMigrations } from '../db/migrate.ts';
import { BackupError } from './backup-error.ts';
import { listBlobs, requireBlobFiles, restoreBlobs } from './blobs.ts';
import { readTables, requireEmpty, setSequence, suspendConstraints, type Table } from './catalog.ts';
import { withClient } from './connect.ts';
import type { BackupFolder } from './folder.ts';
import { type Manifest, readManifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { restoreTable } from './tables.ts';

export interface RestoreOptions {
  /** URL of an empty database. */
  url: string;
  /** The version of Coreframe, for messages. */
  version: string;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * Restores a backup into an empty database in one transaction. All files are compared with their hashes before it is committed.
 *
 * @param name of the backup
 * @param check looks at the restored tables before the database is brought to this version
 * @returns the backup's manifest, and the names of newer migrations that were applied afterwards
 * @throws BackupError if the database is not empty, the backup is newer than this version, or a file is missing or damaged
 */
export async function restore(
  folder: BackupFolder,
  name: string,
  options: RestoreOptions,
  check?: (client: pg.Client, manifest: Manifest, tables: readonly Table[]) => Promise<void>,
): Promise<{ manifest: Manifest; newer: string[] }> {
  const backup = folder.pathOf(name);
  const manifest = await readManifest(backup);
  const migrations = await migrationsOf(name, manifest, options.version);
  await withClient(options.url, options.signal, async (client) => {
    // A service that is started meanwhile waits until the data is there.
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await requireEmpty(client);
    await client.query('BEGIN');
    await applyWithin(client, migrations);
    const { tables } = await readTables(client, migrations);
    requireSameTables(name, manifest, tables);
    const createConstraints = await suspendConstraints(client);
    // The migrations have inserted rows that are in the backup, too.
    await client.query(`TRUNCATE ${tables.map((table) => pg.escapeIdentifier(table.name)).join(', ')}`);
    for (const table of manifest.tables) await restoreTable(client, backup, table, options.progress);
    for (const { name: table, sequences } of manifest.tables)
      for (const state of sequences) await setSequence(client, table, state);
    await requireBlobFiles(folder, backup, manifest);
    await restoreBlobs(client, folder, listBlobs(backup, manifest), options.progress);
    options.progress.step('Foreign keys');
    await createConstraints();
    await client.query('COMMIT');
    options.progress.step('Statistics');
    await client.query('ANALYZE');
    await check?.(client, manifest, tables);
  });
  return { manifest, newer: await migrateTo(options.url) };
}

/** The migrations up to that of the backup. */
async function migrationsOf(name: string, manifest: Manifest, version: string): Promise<Migration[]> {
  const migrations = await readMigrations();
  const last = migrations.findIndex((migration) => migration.name === manifest.migration);
  if (last < 0) {
    throw new BackupError(
      `The backup ${name} was made by Coreframe ${manifest.version} and has the migration ${manifest.migration}, ` +
        `which this version (${version}) does not know. Restore it with that version or a newer one.`,
    );
  }
  return migrations.slice(0, last + 1);
}

/** @throws BackupError if the backup does not have exactly the tables and columns of its migration */
function requireSameTables(name: string, manifest: Manifest, tables: readonly Table[]): void {
  const describe = (list: readonly { name: string; columns: readonly string[] }[]) =>
    list.map((table) => `${table.name} (${table.columns.toSorted().join(', ')})`).sort();
  const expected = describe(tables);
  const found = describe(manifest.tables);
  const wrong =
    expected.find((table) => !found.includes(table)) ?? found.find((table) => !expected.includes(table));
  if (wrong === undefined && expected.length === found.length) return;
  throw new BackupError(
    `The tables of the backup ${name} are not those of its migration ${manifest.migration}: ${wrong ?? 'one is listed twice'}.`,
  );
}

async function migrateTo(url: string): Promise<string[]> {
  const pool = new pg.Pool({ connectionString: normalizeDatabaseUrl(url), max: 1 });
  // A server that stops may end the connection that the pool is closing.
  pool.on('error', () => undefined);
  try {
    return await migrate(pool);
  } finally {
    await pool.end();
  }
}
