import { rename } from 'node:fs/promises';
import { removeFile } from '../system/remove-file.ts';
import { listBlobs } from './blobs.ts';
import type { BackupFolder } from './folder.ts';
import { readManifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { checkTableFile } from './tables.ts';

/**
 * Removes all backups but the newest ones, and the blobs that none of these has. If one of these is damaged, nothing is removed.
 *
 * @param keep how many backups stay, at least 1
 * @returns how many backups and blobs were removed
 * @throws BackupError if a backup that stays is damaged
 */
export async function prune(
  folder: BackupFolder,
  keep: number,
  progress: Progress,
): Promise<{ backups: number; blobs: number }> {
  const lock = folder.lock('exclusive');
  try {
    const names = await folder.list();
    const kept = names.slice(-keep);
    const old = names.slice(0, -keep);
    progress.step('Old backups');
    const lists: AsyncIterator<{ sha256: Buffer }>[] = [];
    for (const name of kept) {
      const backup = folder.pathOf(name);
      const manifest = await readManifest(backup);
      const blobs = manifest.tables.filter((table) => table.name === 'blobs');
      for (const table of blobs) await checkTableFile(backup, table, progress);
      lists.push(listBlobs(backup, manifest));
    }
    // An interrupted removal must not leave half a backup.
    for (const name of old) await rename(folder.pathOf(name), folder.partialPathOf(name));
    await folder.sweep();
    return { backups: old.length, blobs: await removeUnlisted(folder, lists) };
  } finally {
    lock.release();
  }
}

/** The lists are sorted, so that one folder of blobs after the other is compared in little memory. */
async function removeUnlisted(
  folder: BackupFolder,
  lists: readonly AsyncIterator<{ sha256: Buffer }>[],
): Promise<number> {
  const heads = await Promise.all(lists.map((list) => list.next()));
  let removed = 0;
  for (const prefix of await folder.blobPrefixes()) {
    const listed = new Set<string>();
    for (const [index, list] of lists.entries()) {
      for (;;) {
        const head = heads[index];
        if (!head || head.done) break;
        const hex = head.value.sha256.toString('hex');
        if (hex.slice(0, 2) > prefix) break;
        listed.add(hex);
        heads[index] = await list.next();
      }
    }
    for (const hex of await folder.blobsWith(prefix)) {
      if (listed.has(hex)) continue;
      await removeFile(folder.blobPath(hex));
      removed += 1;
    }
  }
  return removed;
}
