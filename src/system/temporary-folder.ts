import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type FileLock, tryLock } from './file-lock.ts';
import { makeFolder } from './make-folder.ts';
import { removeFile } from './remove-file.ts';
import { toStorageError } from './storage-errors.ts';

/** A folder that only this process uses. */
export interface TemporaryFolder {
  readonly path: string;
  /** An unused path in the folder. */
  newPath(): string;
  remove(): Promise<void>;
}

/** The name of a folder, which is also the beginning of its lock's name. */
const NAME = /^(process-[0-9a-f]{16})(?:\.lock)?$/;

/**
 * Creates a folder for this process below `root`, and removes those that dead processes have left there. A folder `process-…`
 * belongs to the process that holds the lock `process-….lock` beside it; the lock ends with that process. Anything else in `root`
 * is left alone.
 *
 * @throws AppError `storage_unavailable` if the disk is full
 */
export async function openTemporaryFolder(root: string): Promise<TemporaryFolder> {
  try {
    await makeFolder(root, 0o700);
    await sweep(root);
    const { name, lock } = claimName(root);
    const folder = path.join(root, name);
    await mkdir(folder, { mode: 0o700 });
    return {
      path: folder,
      newPath: () => path.join(folder, randomBytes(12).toString('hex')),
      async remove() {
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
        await removeFile(path.join(root, `${name}.lock`));
        lock.release();
      },
    };
  } catch (error) {
    throw toStorageError(error) ?? error;
  }
}

/** Locks a new name. This happens before the folder is created, so that a folder without a held lock is abandoned. */
function claimName(root: string): { name: string; lock: FileLock } {
  for (;;) {
    const name = `process-${randomBytes(8).toString('hex')}`;
    const file = path.join(root, `${name}.lock`);
    const lock = tryLock(file, 'exclusive');
    // The sweep of another process may remove the file before it is locked.
    if (lock && existsSync(file)) return { name, lock };
    lock?.release();
  }
}

async function sweep(root: string): Promise<void> {
  const entries = await readdir(root);
  const names = entries.flatMap((entry) => NAME.exec(entry)?.[1] ?? []);
  // A folder of another user, or one that cannot be removed, must not prevent a start.
  for (const name of new Set(names)) await removeAbandoned(root, name).catch(() => undefined);
}

async function removeAbandoned(root: string, name: string): Promise<void> {
  const file = path.join(root, `${name}.lock`);
  const lock = tryLock(file, 'exclusive');
  if (!lock) return;
  try {
    await rm(path.join(root, name), { recursive: true, force: true });
    await removeFile(file);
  } finally {
    lock.release();
  }
}
