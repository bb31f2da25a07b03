import { LRUCache } from 'lru-cache';

type Load = () => Promise<Buffer>;

/** Small blobs in memory. The least recently used are dropped first. */
export interface MemoryCache {
  hits: number;
  misses: number;
  /** What all blobs take. */
  readonly bytes: number;
  /** The blob's bytes, loaded once however many callers ask for them at the same time. They are shared: do not change them. */
  get(sha256: Buffer, load: Load): Promise<Buffer>;
  /** Drops a blob, even one that is being loaded. */
  forget(sha256: Buffer): void;
}

/** What a blob takes besides its bytes. */
const OVERHEAD_BYTES = 512;

/** Keeps at most `maxBytes` bytes of blobs, including what each takes besides its bytes. */
export function createMemoryCache(maxBytes: number): MemoryCache {
  const cached = new LRUCache<string, Buffer, Load>({
    // lru-cache refuses a limit of 0. A limit of 1 keeps nothing, either.
    maxSize: Math.max(maxBytes, 1),
    sizeCalculation: (bytes) => bytes.length + OVERHEAD_BYTES,
    fetchMethod: (_key, _stale, { context: load }) => load(),
    // Callers waiting for a blob that is forgotten in the meantime still get its bytes.
    ignoreFetchAbort: true,
  });
  return {
    hits: 0,
    misses: 0,
    get bytes() {
      return cached.calculatedSize;
    },
    get(sha256, load) {
      const status: LRUCache.Status<string, Buffer, Load> = {};
      const bytes = cached.forceFetch(sha256.toString('hex'), { context: load, status });
      if (status.fetch === 'miss') this.misses += 1;
      else this.hits += 1;
      return bytes;
    },
    forget(sha256) {
      cached.delete(sha256.toString('hex'));
    },
  };
}
