import { LRUCache } from 'lru-cache';

/** Small blobs in memory, least recently used dropped first. */
export interface MemoryCache {
  readonly hits: number;
  readonly misses: number;
  /** The blob's bytes, loaded once however many ask for it at the same time. They are shared: nobody may change them. */
  get(sha256: Buffer, load: () => Promise<Buffer>): Promise<Buffer>;
  /** Drops a blob, also one that is being loaded. */
  forget(sha256: Buffer): void;
}

/** Keeps at most `maxBytes` bytes of blobs; blobs larger than `maxBlobBytes` are passed through. */
export function createMemoryCache(maxBytes: number, maxBlobBytes: number = 1024 * 1024): MemoryCache {
  const cached = new LRUCache<string, Buffer>({
    // lru-cache takes no limit of 0; a limit of 1 byte keeps nothing either, because `isKept` says so.
    maxSize: Math.max(maxBytes, 1),
    sizeCalculation: (bytes) => Math.max(bytes.length, 1),
  });
  const loading = new Map<string, Promise<Buffer>>();
  const isKept = (bytes: Buffer) => bytes.length <= maxBlobBytes && bytes.length <= maxBytes && maxBytes > 0;
  let hits = 0;
  let misses = 0;

  const start = (key: string, load: () => Promise<Buffer>): Promise<Buffer> => {
    const bytes = load()
      .then((loaded) => {
        if (loading.get(key) === bytes && isKept(loaded)) cached.set(key, loaded);
        return loaded;
      })
      .finally(() => {
        if (loading.get(key) === bytes) loading.delete(key);
      });
    loading.set(key, bytes);
    return bytes;
  };

  return {
    get hits() {
      return hits;
    },
    get misses() {
      return misses;
    },
    get(sha256, load) {
      const key = sha256.toString('hex');
      const found = cached.get(key) ?? loading.get(key);
      if (found) {
        hits += 1;
        return Promise.resolve(found);
      }
      misses += 1;
      return start(key, load);
    },
    forget(sha256) {
      const key = sha256.toString('hex');
      cached.delete(key);
      loading.delete(key);
    },
  };
}
