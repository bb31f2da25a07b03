import { count, GIB, MIB } from '../core/settings.ts';

export const blobSettings = {
  DISK_CACHE_BYTES: count(
    'Bytes of originals and results to keep on the local disk of each process.',
    GIB,
    0,
  ),
  MEMORY_CACHE_BYTES: count('Bytes of small results to keep in the memory of each process.', 64 * MIB, 0),
};
