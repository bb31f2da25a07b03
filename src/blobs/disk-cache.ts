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
  blobs: Pick<BlobStore, 'read'>;
}

interface Entry {
  readonly path: string;
  readonly size: number;
  readonly ready: Promise<void>;
  leases: number;
  /** Whether it is no longer counted, and its file is removed after the last lease. */
  isDoomed: boolean;
}

/** Opens the cache in a new folder for this process. */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  return new DiskCache(await openTemporaryFolder(options.root), options.maxBytes, options.blobs);
}

/** Blobs as local files, each fetched once. The least recently used are removed first. */
export class DiskCache {
  /** Bytes of all files that are kept. */
  bytes = 0;
  /** Leases whose file existed or was already being fetched. */
  hits = 0;
  misses = 0;
  readonly #folder: TemporaryFolder;
  readonly #maxBytes: number;
  readonly #blobs: Pick<BlobStore, 'read'>;
  /** In order of use, least recent first. */
  readonly #entries = new Map<string, Entry>();
  #fileCount = 0;

  constructor(folder: TemporaryFolder, maxBytes: number, blobs: Pick<BlobStore, 'read'>) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#blobs = blobs;
  }

  /**
   * The blob as a local file with its size and hash verified, fetched once however many callers ask for it at the same time. A
   * blob that is larger than the whole cache is removed after its last lease.
   *
   * @throws AppError `not_found` if the blob does not exist, `storage_unavailable` if the disk is full
   */
  async lease(sha256: Buffer, size: number): Promise<Lease> {
    const key = sha256.toString('hex');
    const found = this.#entries.get(key);
    if (found) this.hits += 1;
    else this.misses += 1;
    const entry = found ?? this.#addNew(key, size, (file) => this.#fetch(sha256, size, file));
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
    if (this.#entries.has(key) || size > this.#maxBytes) return false;
    const isHere = path.dirname(file) === this.#folder.path;
    const entry = isHere
      ? this.#add(key, size, file, Promise.resolve())
      : this.#addNew(key, size, (target) => move(file, target));
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

  /** Removes all files, leased or not. */
  async close(): Promise<void> {
    this.#entries.clear();
    this.bytes = 0;
    await this.#folder.remove();
  }

  #addNew(key: string, size: number, make: (file: string) => Promise<void>): Entry {
    // Numbered, so that removing a file cannot conflict with creating the next one for the same blob.
    this.#fileCount += 1;
    const file = path.join(this.#folder.path, `${key}-${this.#fileCount}`);
    return this.#add(key, size, file, make(file));
  }

  #add(key: string, size: number, file: string, ready: Promise<void>): Entry {
    const isDoomed = size > this.#maxBytes;
    const entry = { path: file, size, ready, leases: 0, isDoomed };
    this.#entries.set(key, entry);
    if (!isDoomed) this.bytes += size;
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
    if (!entry.isDoomed) this.bytes -= entry.size;
    entry.isDoomed = true;
    // If this fails, the file is removed together with the folder.
    if (entry.leases === 0) await removeFile(entry.path).catch(() => undefined);
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

  async #fetch(sha256: Buffer, size: number, file: string): Promise<void> {
    try {
      await this.#download(sha256, size, file);
    } catch (error) {
      await removeFile(file);
      if (!toStorageError(error)) throw error;
      // The disk may be full because of this cache.
      await Promise.all(this.#evict(0));
      await this.#download(sha256, size, file).catch(async (again: unknown) => {
        await removeFile(file);
        throw toStorageError(again) ?? again;
      });
    }
  }

  async #download(sha256: Buffer, size: number, file: string): Promise<void> {
    const hash = createHash('sha256');
    let written = 0;
    const handle = await open(file, 'w', 0o600);
    try {
      for await (const chunk of this.#blobs.read(sha256)) {
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
