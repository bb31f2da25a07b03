import { count, GIB, MIB } from '../core/settings.ts';

export const blobSettings = {
  DISK_CACHE_BYTES: count('Bytes of originals and results that each process keeps on local disk.', GIB, 0),
  MEMORY_CACHE_BYTES: count('Bytes of small results that each process keeps in memory.', 64 * MIB, 0),
};
