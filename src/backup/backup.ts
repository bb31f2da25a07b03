import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import { MIGRATION_LOCK, readApplied, readMigrations } from '../db/migrate.ts';
import { BackupError } from './backup-error.ts';
import { type BlobCounts, listBlobs, writeBlobFiles } from './blobs.ts';
import { readSequences, readTables } from './catalog.ts';
import { withClient } from './connect.ts';
import { type BackupFolder, makePrivateFolder, nameOf, syncFolder } from './folder.ts';
import { type Manifest, type TableFile, writeManifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { writeTableFile } from './tables.ts';

export interface BackupOptions {
  /** URL of the database. */
  url: string;
  /** The version of Coreframe, for the manifest. */
  version: string;
  progress: Progress;
  signal: AbortSignal;
  /** Is told about tables that are left out because no migration of Coreframe has created them. */
  warn(text: string): void;
}

export interface BackupResult {
  name: string;
  manifest: Manifest;
  blobs: BlobCounts;
}

/**
 * Writes a backup of the whole database, as it is at one moment, while the service runs. It appears in the folder complete and
 * on the disk, or not at all. Blobs that an earlier backup has written are not written again.
 *
 * @throws BackupError if another backup is running, the database has no data of Coreframe, or a blob is damaged
 */
export async function backUp(folder: BackupFolder, options: BackupOptions): Promise<BackupResult> {
  await makePrivateFolder(folder.backups);
  const lock = folder.lock('exclusive');
  try {
    await folder.sweep();
    return await withClient(options.url, options.signal, (client) => write(client, folder, options));
  } finally {
    lock.release();
  }
}

async function write(client: pg.Client, folder: BackupFolder, options: BackupOptions): Promise<BackupResult> {
  // A migration waits here for the backup, before it locks a table. If it waited for a table, the service would wait behind it.
  options.progress.step('Waiting for a running migration');
  await client.query('SELECT pg_advisory_lock_shared($1)', [MIGRATION_LOCK]);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  // The snapshot is taken by the first statement.
  const applied = await readApplied(client, await readMigrations());
  const time = new Date();
  const migration = applied.at(-1)?.name;
  if (migration === undefined) {
    throw new BackupError(
      'The database has no data of Coreframe: no migration has been applied. Check DATABASE_URL and DATA_DIR.',
    );
  }
  const { tables, foreign } = await readTables(client, applied);
  if (foreign.length > 0) {
    options.warn(
      `These tables are not in the backup, because Coreframe has not created them: ${foreign.join(', ')}.`,
    );
  }
  const name = nameOf(time);
  const partial = folder.partialPathOf(name);
  await makePrivateFolder(partial);
  try {
    const files: TableFile[] = [];
    for (const table of tables) {
      const { name, columns } = table;
      const digest = await writeTableFile(client, partial, table, options.progress);
      files.push({ name, columns, ...digest, sequences: await readSequences(client, table) });
    }
    const listed = listBlobs(partial, { tables: files });
    const temporary = path.join(partial, 'blob');
    const blobs = await writeBlobFiles(client, folder, listed, temporary, options.progress);
    const { count, bytes } = blobs;
    const manifest: Manifest = {
      format: 1,
      time: time.toISOString(),
      version: options.version,
      migration,
      tables: files,
      blobs: { count, bytes },
    };
    await writeManifest(partial, manifest);
    await syncFolder(partial);
    await rename(partial, folder.pathOf(name));
    await syncFolder(folder.backups);
    await syncFolder(folder.root);
    return { name, manifest, blobs };
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}
