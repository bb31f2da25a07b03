import { closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

export type LockMode = 'shared' | 'exclusive';

/** A lock that this process holds. It ends with `release()` or with the process, however that ends. */
export interface FileLock {
  release(): void;
}

/** SQLite's result code for a database that another connection has locked. */
const SQLITE_BUSY = 5;

/**
 * Tries to lock a file, which is created where missing and stays empty: `exclusive` for one holder alone, `shared`
 * for any number of holders while nobody has it exclusively. Gives undefined where others' locks forbid it.
 *
 * The kernel drops the lock when its process ends, so that there is nothing stale to recognise: no process ids, which
 * get used again, and no host names, which tell nothing across containers. Node has no `flock` or `fcntl`; SQLite's
 * file locks (https://www.sqlite.org/lockingv3.html) are the portable way to them that comes with it.
 *
 * @throws Error where the file cannot be opened (folder missing, not writable)
 */
export function tryLock(file: string, mode: LockMode): FileLock | undefined {
  // Made here for errors with a cause that SQLite does not tell (no room, no permission).
  if (!existsSync(file)) closeSync(openSync(file, 'a'));
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // Nothing is ever written, and no journal file is to lie about.
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
 * Waits for a lock, asking every 20 ms.
 *
 * @throws Error where it was not to be had within `timeoutMs`
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
