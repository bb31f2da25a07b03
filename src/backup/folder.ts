import { existsSync } from 'node:fs';
import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type FileLock, type LockMode, tryLock } from '../system/file-lock.ts';
import { makeFolder } from '../system/make-folder.ts';
import { BackupError } from './backup-error.ts';

/** A backup is named for the time of its start, so names sort by time. */
const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/;
const PARTIAL = '.partial';

/**
 * The paths of a folder with backups:
 *
 * - `backups/NAME/`: one backup: `manifest.json`, `manifest.sha256` and a file for each table
 * - `backups/NAME.partial/`: one that is not finished
 * - `blobs/ab/cdef…`: the bytes of all backups, by their SHA-256
 */
export class BackupFolder {
  readonly root: string;
  readonly backups: string;
  readonly blobs: string;

  constructor(root: string) {
    this.root = path.resolve(root);
    this.backups = path.join(this.root, 'backups');
    this.blobs = path.join(this.root, 'blobs');
  }

  /** @throws BackupError if the text is not the name of a backup, for example a path */
  pathOf(name: string): string {
    if (!NAME.test(name)) throw new BackupError(`${JSON.stringify(name)} is not the name of a backup.`);
    return path.join(this.backups, name);
  }

  partialPathOf(name: string): string {
    return `${this.pathOf(name)}${PARTIAL}`;
  }

  /** @param sha256 32 bytes, or their hexadecimal digits */
  blobPath(sha256: Buffer | string): string {
    const hex = typeof sha256 === 'string' ? sha256 : sha256.toString('hex');
    return path.join(this.blobs, hex.slice(0, 2), hex.slice(2));
  }

  /** The names of all finished backups, oldest first. */
  async list(): Promise<string[]> {
    return (await this.#entries()).filter((entry) => NAME.test(entry)).sort();
  }

  /**
   * The name of the newest backup, or `name` if it exists.
   *
   * @throws BackupError if it does not exist, or if there is no backup at all
   */
  async choose(name: string | undefined): Promise<string> {
    const names = await this.list();
    const newest = names.at(-1);
    if (newest === undefined) throw new BackupError(`There is no backup in ${this.root}.`);
    if (name === undefined) return newest;
    if (!names.includes(name)) {
      throw new BackupError(
        `There is no backup ${JSON.stringify(name)} in ${this.root}; the newest is ${newest}.`,
      );
    }
    return name;
  }

  /** The first two digits of the hashes of all blobs, sorted. */
  async blobPrefixes(): Promise<string[]> {
    const entries = await readdir(this.blobs).catch(orNothing);
    return entries.filter((entry) => /^[0-9a-f]{2}$/.test(entry)).sort();
  }

  /** The hashes of the blobs that begin with these digits, in hexadecimal. */
  async blobsWith(prefix: string): Promise<string[]> {
    const entries = await readdir(path.join(this.blobs, prefix));
    return entries.filter((entry) => /^[0-9a-f]{62}$/.test(entry)).map((entry) => prefix + entry);
  }

  /** Removes what interrupted backups have left. Called with the exclusive lock. */
  async sweep(): Promise<void> {
    const leftovers = (await this.#entries()).filter((entry) => entry.endsWith(PARTIAL));
    for (const entry of leftovers) await rm(path.join(this.backups, entry), { recursive: true });
  }

  /**
   * Locks the folder: exclusively to write, shared to read.
   *
   * @throws BackupError if another process prevents it
   */
  lock(mode: LockMode): FileLock {
    const file = path.join(this.root, 'backup.lock');
    try {
      const lock = tryLock(file, mode);
      if (lock) return lock;
    } catch (error) {
      // Nobody changes a backup on a read-only disk.
      if (mode === 'shared' && !existsSync(file)) return { release: () => undefined };
      throw error;
    }
    throw new BackupError(
      `Another backup, restore or verification is using ${this.root}. Try again when it has ended.`,
    );
  }

  async #entries(): Promise<string[]> {
    return readdir(this.backups).catch(orNothing);
  }
}

function orNothing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/** The name of a backup that begins at this time. */
export function nameOf(time: Date): string {
  return time.toISOString().replaceAll(':', '-');
}

/** Creates a folder that only its owner may enter, and its parents, if they are missing. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await makeFolder(folder, 0o700);
}

/** Creates a file that only its owner may read; it is on the disk when this returns. Refuses an existing file. */
export async function writeDurably<T>(file: string, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(file, 'wx', 0o600);
  try {
    const result = await write(handle);
    await handle.sync();
    return result;
  } finally {
    await handle.close();
  }
}

/** Writes the entries of a folder to the disk: a file that was created or renamed in it survives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
