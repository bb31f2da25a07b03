import { LRUCache } from 'lru-cache';

type Load = () => Promise<Buffer>;

/** Small blobs in memory, least recently used dropped first. */
export interface MemoryCache {
  readonly hits: number;
  readonly misses: number;
  /** The blob's bytes, loaded once however many ask for it at the same time. They are shared: nobody may change them. */
  get(sha256: Buffer, load: Load): Promise<Buffer>;
  /** Drops a blob, also one that is being loaded. */
  forget(sha256: Buffer): void;
}

/** Keeps at most `maxBytes` bytes of blobs; blobs larger than `maxBlobBytes` are passed through. */
export function createMemoryCache(maxBytes: number, maxBlobBytes: number = 1024 * 1024): MemoryCache {
  const cached = new LRUCache<string, Buffer, Load>({
    // lru-cache takes no limit of 0. Every blob counts as 2 bytes or more, so that a limit of 1 keeps nothing.
    maxSize: Math.max(maxBytes, 1),
    maxEntrySize: Math.max(Math.min(maxBytes, maxBlobBytes), 1),
    sizeCalculation: (bytes) => Math.max(bytes.length, 2),
    fetchMethod: (_key, _stale, { context: load }) => load(),
    // Those who wait for a blob that is forgotten meanwhile get its bytes all the same.
    ignoreFetchAbort: true,
  });
  let hits = 0;
  let misses = 0;
  return {
    get hits() {
      return hits;
    },
    get misses() {
      return misses;
    },
    get(sha256, load) {
      const status: LRUCache.Status<string, Buffer, Load> = {};
      const bytes = cached.forceFetch(sha256.toString('hex'), { context: load, status });
      if (status.fetch === 'miss') misses += 1;
      else hits += 1;
      return bytes;
    },
    forget(sha256) {
      cached.delete(sha256.toString('hex'));
    },
  };
}
