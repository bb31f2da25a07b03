import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { type EmbeddedServer, openEmbeddedServer } from '../db/embedded/embedded-server.ts';
import { BackupError } from './backup-error.ts';
import { checkBlobFile, checkStoredBlobs, requireBlobFiles } from './blobs.ts';
import type { Table } from './catalog.ts';
import type { BackupFolder } from './folder.ts';
import { type Manifest, readManifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { restore } from './restore.ts';
import { checkTableFile, readTable } from './tables.ts';

/** For a server that lives only as long as the verification. */
const THROW_AWAY = { fsync: 'off', full_page_writes: 'off', wal_level: 'minimal', max_wal_senders: 0 };

/**
 * Compares all files of all backups in a folder with their hashes.
 *
 * @returns how many backups and blobs there are
 * @throws BackupError naming the first file that is missing or damaged
 */
export async function checkFiles(
  folder: BackupFolder,
  progress: Progress,
): Promise<{ backups: number; blobs: number }> {
  const names = await folder.list();
  progress.step('Hashes of the tables');
  for (const name of names) {
    const backup = folder.pathOf(name);
    const manifest = await readManifest(backup);
    for (const table of manifest.tables) await checkTableFile(backup, table, progress);
    await requireBlobFiles(folder, backup, manifest);
  }
  progress.step('Hashes of the blobs');
  let blobs = 0;
  for (const prefix of await folder.blobPrefixes()) {
    for (const sha256 of await folder.blobsWith(prefix)) {
      await checkBlobFile(folder.blobPath(sha256), sha256, progress);
      blobs += 1;
    }
  }
  return { backups: names.length, blobs };
}

/**
 * Restores a backup into a new embedded server, which is removed afterwards, reads it back and compares everything with the
 * manifest. Creating the foreign keys checks that every row refers to rows that exist.
 *
 * @throws BackupError if anything is different, or if there is no embedded server
 */
export async function rehearse(
  folder: BackupFolder,
  name: string,
  options: { version: string; progress: Progress; signal: AbortSignal },
): Promise<Manifest> {
  const dataDir = await makeThrowAwayFolder();
  try {
    const server = await openThrowAwayServer(dataDir);
    try {
      const compare = (client: pg.Client, manifest: Manifest, tables: readonly Table[]) =>
        compareRestored(client, manifest, tables, options.progress);
      return (await restore(folder, name, { ...options, url: server.url }, compare)).manifest;
    } finally {
      await server.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

const INSTEAD = 'Choose another one with TMPDIR, or use --quick, which compares the hashes only.';

async function makeThrowAwayFolder(): Promise<string> {
  try {
    const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-verify-'));
    // If this runs as root, the server runs as another user, who must reach its own folder below this one.
    await chmod(folder, 0o711);
    return folder;
  } catch (cause) {
    throw new BackupError(
      `The temporary folder ${tmpdir()} cannot be used: ${cause instanceof Error ? cause.message : cause}. ${INSTEAD}`,
      { cause },
    );
  }
}

async function openThrowAwayServer(dataDir: string): Promise<EmbeddedServer> {
  try {
    return await openEmbeddedServer({ dataDir, settings: THROW_AWAY });
  } catch (cause) {
    throw new BackupError(
      `The backup cannot be restored for a test in the temporary folder ${tmpdir()}: ` +
        `${cause instanceof Error ? cause.message : cause} ${INSTEAD}`,
      { cause },
    );
  }
}

async function compareRestored(
  client: pg.Client,
  manifest: Manifest,
  tables: readonly Table[],
  progress: Progress,
): Promise<void> {
  for (const expected of manifest.tables) {
    const table = tables.find(({ name }) => name === expected.name);
    progress.step(`Table ${expected.name} in the restored database`);
    const found = table && (await readTable(client, { ...table, columns: expected.columns }, progress));
    if (found?.sha256 !== expected.sha256) {
      throw new BackupError(`The table ${expected.name} has other rows after it was restored.`);
    }
  }
  await checkStoredBlobs(client, manifest, progress);
}
