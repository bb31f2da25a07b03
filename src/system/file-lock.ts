import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

export type LockMode = 'shared' | 'exclusive';

/** A lock that this process holds. It ends with `release()` or with the process. */
export interface FileLock {
  release(): void;
}

/** SQLite's result code for a database that another connection has locked. */
const SQLITE_BUSY = 5;

/**
 * Tries to lock a file, which is created if it is missing and stays empty: `exclusive` for a single holder, `shared` for any number
 * of holders while nobody has it exclusively. Returns undefined if another lock prevents it.
 *
 * The kernel releases the lock when its process ends, so that stale locks cannot exist. Process ids and host names would not work:
 * ids are reused, and host names do not identify containers. Node lacks `flock` and `fcntl`, but it includes SQLite, whose file
 * locks are portable (https://www.sqlite.org/lockingv3.html).
 *
 * @throws Error if the file cannot be opened (folder missing, not writable)
 */
export function tryLock(file: string, mode: LockMode): FileLock | undefined {
  // SQLite would not report the cause of a failure (no room, no permission).
  if (!existsSync(file)) closeSync(openSync(file, 'a'));
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // Nothing is ever written, so a journal file is not needed.
    database.exec('PRAGMA journal_mode = MEMORY');
    database.exec(mode === 'exclusive' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT count(*) FROM sqlite_master');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
  return {
    release() {
      if (database.isOpen) database.close();
    },
  };
}

/**
 * Waits for a lock.
 *
 * @throws Error if the lock is still held after `timeoutMs`
 */
export async function lockFile(file: string, mode: LockMode, timeoutMs: number): Promise<FileLock> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const lock = tryLock(file, mode);
    if (lock) return lock;
    if (performance.now() > deadline) {
      throw new Error(`Another process has held the lock ${file} for more than ${timeoutMs / 1000} s.`);
    }
    await sleep(20);
  }
}
