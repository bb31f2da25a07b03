import { createHash } from 'node:crypto';
import { constants, statSync } from 'node:fs';
import { copyFile, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { removeFile } from '../system/remove-file.ts';
import { toStorageError } from '../system/storage-errors.ts';
import { openTemporaryFolder, type TemporaryFolder } from '../system/temporary-folder.ts';
import type { BlobStore } from './blob-store.ts';

/** A blob as a local file, which is kept until `release()` is called. */
export interface Lease {
  path: string;
  release(): void;
}

export interface DiskCacheOptions {
  /** Folder for the caches of all processes. Each has its own subfolder, which a later start removes after a crash. */
  root: string;
  /** Maximum bytes of all files. Leased files are never removed, so large ones may exceed it. */
  maxBytes: number;
  /** Takes files that the cache's own disk has no room for, while they are leased. */
  overflow: Pick<TemporaryFolder, 'newPath'>;
  blobs: Pick<BlobStore, 'read'>;
}

/** The unit in which most file systems allocate. Without it, a million tiny files would count as almost nothing. */
const BLOCK_BYTES = 4096;

/** The share of the bytes on a full disk that the cache then keeps. */
const SHARE_OF_FULL_DISK = 0.75;
/** Time after which a limit that was learned from a full disk is forgotten: others may have made room. */
const FORGET_LIMIT_AFTER_MS = 10 * 60_000;

const roomOf = (size: number): number => Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;

interface Entry {
  path: string;
  /** Bytes. */
  readonly size: number;
  ready: Promise<void>;
  leases: number;
  /** Whether it is no longer counted, and its file is removed after the last lease. */
  isDoomed: boolean;
}

/** Opens the cache in a new folder for this process. */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  return new DiskCache(await openTemporaryFolder(options.root), options);
}

/** Blobs as local files, each fetched once. The least recently used are removed first. */
export class DiskCache {
  /** Bytes of all files that are kept, each rounded up to whole blocks. */
  bytes = 0;
  /** Leases whose file existed or was already being fetched. */
  hits = 0;
  misses = 0;
  readonly #folder: TemporaryFolder;
  readonly #options: DiskCacheOptions;
  /** The limit that a full disk has taught. */
  #learned: { maxBytes: number; until: number } | undefined;
  /** In order of use, least recent first. */
  readonly #entries = new Map<string, Entry>();
  #fileCount = 0;

  constructor(folder: TemporaryFolder, options: DiskCacheOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  get #maxBytes(): number {
    if (this.#learned && performance.now() > this.#learned.until) this.#learned = undefined;
    return Math.min(this.#options.maxBytes, this.#learned?.maxBytes ?? Number.POSITIVE_INFINITY);
  }

  /**
   * The blob as a local file with its size and hash verified, fetched once however many callers ask for it at the same time. A
   * blob that is larger than the whole cache, or for which its disk has no room, is removed after its last lease.
   *
   * @throws AppError `not_found` if the blob does not exist, `storage_unavailable` if the disks are full
   */
  async lease(sha256: Buffer, size: number): Promise<Lease> {
    const key = sha256.toString('hex');
    const found = this.#entries.get(key);
    if (found) this.hits += 1;
    else this.misses += 1;
    const entry = found ?? this.#addNew(key, size, (added) => this.#fetch(sha256, added));
    this.#use(key, entry);
    try {
      await entry.ready;
    } catch (error) {
      void this.#discard(key, entry);
      this.#release(key, entry);
      throw error;
    }
    if (found && !isFile(entry.path, size)) {
      // Another program has removed it, for example a cleaner of temporary folders.
      void this.#discard(key, entry);
      this.#release(key, entry);
      return this.lease(sha256, size);
    }
    let isReleased = false;
    return {
      path: entry.path,
      release: () => {
        if (!isReleased) this.#release(key, entry);
        isReleased = true;
      },
    };
  }

  /** An unused path on the cache's file system, so that a file can be adopted by renaming it. */
  newPath(): string {
    return this.#folder.newPath();
  }

  /**
   * Takes over a file with exactly the blob's bytes, if there is room for it; a file at a `newPath` is not moved. Never
   * fails: a file that could not be moved is fetched when it is needed.
   *
   * @returns whether the file is the cache's now; otherwise the caller removes it
   */
  async adopt(file: string, sha256: Buffer, size: number): Promise<boolean> {
    const key = sha256.toString('hex');
    if (this.#entries.has(key) || roomOf(size) > this.#maxBytes) return false;
    const isHere = path.dirname(file) === this.#folder.path;
    const entry = isHere
      ? this.#add(key, size, file, async () => undefined)
      : this.#addNew(key, size, (added) => move(file, added.path));
    this.#use(key, entry);
    const isAdopted = await entry.ready.then(
      () => true,
      () => false,
    );
    if (!isAdopted) void this.#discard(key, entry);
    this.#release(key, entry);
    return isAdopted;
  }

  /** Removes a blob's file as soon as nobody leases it. */
  forget(sha256: Buffer): void {
    const key = sha256.toString('hex');
    const entry = this.#entries.get(key);
    if (entry) void this.#discard(key, entry);
  }

  /**
   * Makes room on a full disk: removes every file that nobody leases. For some time, the cache then keeps less than before, so
   * that the disk does not fill up again.
   */
  async makeRoom(): Promise<void> {
    const before = this.bytes;
    const removals = this.#evict(0);
    const removed = before - this.bytes;
    // Of several failures at the same time, only the first finds the files that filled the disk.
    if (this.#learned === undefined || removed > this.#maxBytes / 2) {
      const maxBytes = Math.floor(removed * SHARE_OF_FULL_DISK);
      this.#learned = { maxBytes, until: performance.now() + FORGET_LIMIT_AFTER_MS };
    }
    await Promise.all(removals);
  }

  /** Removes all files, leased or not. */
  async close(): Promise<void> {
    this.#entries.clear();
    this.bytes = 0;
    await this.#folder.remove();
  }

  #addNew(key: string, size: number, make: (entry: Entry) => Promise<void>): Entry {
    // Numbered, so that removing a file cannot conflict with creating the next one for the same blob.
    this.#fileCount += 1;
    return this.#add(key, size, path.join(this.#folder.path, `${key}-${this.#fileCount}`), make);
  }

  #add(key: string, size: number, file: string, make: (entry: Entry) => Promise<void>): Entry {
    const isDoomed = roomOf(size) > this.#maxBytes;
    const entry: Entry = { path: file, size, ready: Promise.resolve(), leases: 0, isDoomed };
    if (!isDoomed) this.bytes += roomOf(size);
    this.#entries.set(key, entry);
    entry.ready = make(entry);
    return entry;
  }

  #use(key: string, entry: Entry): void {
    entry.leases += 1;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#evict(this.#maxBytes);
  }

  #release(key: string, entry: Entry): void {
    entry.leases -= 1;
    if (entry.leases > 0) return;
    if (entry.isDoomed) void this.#discard(key, entry);
    else this.#evict(this.#maxBytes);
  }

  /** Takes an entry out of the cache; its file is removed now or after its last lease. */
  async #discard(key: string, entry: Entry): Promise<void> {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    this.#doom(entry);
    // If this fails, the file is removed together with the folder.
    if (entry.leases === 0) await removeFile(entry.path).catch(() => undefined);
  }

  #doom(entry: Entry): void {
    if (!entry.isDoomed) this.bytes -= roomOf(entry.size);
    entry.isDoomed = true;
  }

  /** Removes unleased files, the least recently used first, until at most `maxBytes` bytes are kept. */
  #evict(maxBytes: number): Promise<void>[] {
    const removals: Promise<void>[] = [];
    for (const [key, entry] of this.#entries) {
      if (this.bytes <= maxBytes) break;
      if (entry.leases === 0) removals.push(this.#discard(key, entry));
    }
    return removals;
  }

  /** Downloads a blob: to the cache's disk, else to the same place when there is room, else to the other disk. */
  async #fetch(sha256: Buffer, entry: Entry): Promise<void> {
    if (await this.#hasDownloaded(sha256, entry)) return;
    await this.makeRoom();
    if (await this.#hasDownloaded(sha256, entry)) return;
    this.#doom(entry);
    entry.path = this.#options.overflow.newPath();
    try {
      await this.#download(sha256, entry);
    } catch (error) {
      throw toStorageError(error) ?? error;
    }
  }

  /** @returns false if the disk is full */
  async #hasDownloaded(sha256: Buffer, entry: Entry): Promise<boolean> {
    try {
      await this.#download(sha256, entry);
      return true;
    } catch (error) {
      if (!toStorageError(error)) throw error;
      return false;
    }
  }

  async #download(sha256: Buffer, { path: file, size }: Entry): Promise<void> {
    const hash = createHash('sha256');
    let written = 0;
    try {
      const handle = await open(file, 'w', 0o600);
      try {
        for await (const chunk of this.#options.blobs.read(sha256)) {
          hash.update(chunk);
          await handle.writeFile(chunk);
          written += chunk.length;
        }
      } finally {
        await handle.close();
      }
      if (written !== size || !hash.digest().equals(sha256)) {
        throw new Error(`Blob ${sha256.toString('hex')} has ${written} bytes that do not match its hash.`);
      }
    } catch (error) {
      await removeFile(file);
      throw error;
    }
  }
}

/** Synchronous, because the kernel answers from memory faster than the thread pool can. */
function isFile(file: string, size: number): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.size === size;
  } catch {
    return false;
  }
}

/** Renames a file, or copies it if the target is on another file system. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await removeFile(from);
  }
}
