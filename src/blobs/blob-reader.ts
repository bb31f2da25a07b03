import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { BlobStore, ByteRange } from './blob-store.ts';
import type { DiskCache } from './disk-cache.ts';
import type { MemoryCache } from './memory-cache.ts';

/** Blobs up to this size are read whole and kept in memory while they are hot. */
const SMALL_BLOB_BYTES = 1024 * 1024;

/**
 * Reads blobs for answers: small ones from memory, larger ones as streams from the local disk, so that a slow reader
 * holds neither a database connection nor the bytes.
 */
export class BlobReader {
  readonly #blobs: BlobStore;
  readonly #diskCache: DiskCache;
  readonly #memoryCache: MemoryCache;

  constructor(blobs: BlobStore, diskCache: DiskCache, memoryCache: MemoryCache) {
    this.#blobs = blobs;
    this.#diskCache = diskCache;
    this.#memoryCache = memoryCache;
  }

  /** The bytes of a range. */
  async open(blob: { sha256: Buffer; size: number }, { start, end }: ByteRange): Promise<Buffer | Readable> {
    if (blob.size <= SMALL_BLOB_BYTES) {
      const bytes = await this.#memoryCache.get(blob.sha256, () => this.#readWhole(blob.sha256));
      return bytes.length === end - start ? bytes : bytes.subarray(start, end);
    }
    const { path, release } = await this.#diskCache.lease(blob.sha256, blob.size);
    const stream = createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 });
    stream.once('close', release);
    return stream;
  }

  async #readWhole(sha256: Buffer): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#blobs.read(sha256)) chunks.push(chunk);
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  }
}
