import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { BlobRef, ByteRange } from './blob-store.ts';
import type { DiskCache } from './disk-cache.ts';
import type { MemoryCache } from './memory-cache.ts';

/** Blobs up to this size are read whole and kept in memory while they are in demand. */
const SMALL_BLOB_BYTES = 1024 * 1024;

/**
 * Reads blobs for responses: small ones from memory, larger ones as streams from the local disk, so that a slow reader
 * holds neither a database connection nor the bytes.
 */
export class BlobReader {
  readonly #diskCache: DiskCache;
  readonly #memoryCache: MemoryCache;

  constructor(diskCache: DiskCache, memoryCache: MemoryCache) {
    this.#diskCache = diskCache;
    this.#memoryCache = memoryCache;
  }

  open(blob: BlobRef, range: ByteRange): Promise<Buffer | Readable> {
    if (blob.size > SMALL_BLOB_BYTES) return this.#stream(blob, range);
    const whole = this.#memoryCache.get(blob.sha256, () => this.#readWhole(blob));
    const { start, end } = range;
    return end - start === blob.size ? whole : whole.then((bytes) => bytes.subarray(start, end));
  }

  /** Drops the local copies of deleted blobs. */
  forget(sha256s: readonly Buffer[]): void {
    for (const sha256 of sha256s) {
      this.#diskCache.forget(sha256);
      this.#memoryCache.forget(sha256);
    }
  }

  async #stream(blob: BlobRef, { start, end }: ByteRange): Promise<Readable> {
    const { path, release } = await this.#diskCache.lease(blob.sha256, blob.size);
    const stream = createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 });
    stream.once('close', release);
    return stream;
  }

  async #readWhole({ sha256, size }: BlobRef): Promise<Buffer> {
    const { path, release } = await this.#diskCache.lease(sha256, size);
    try {
      return await readFile(path);
    } finally {
      release();
    }
  }
}
