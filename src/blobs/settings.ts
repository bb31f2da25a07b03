import { count, GIB, MIB } from '../core/settings.ts';

export const blobSettings = {
  DISK_CACHE_BYTES: count(
    'Maximum bytes of images and results on the local disk of each process. If the disk has less room, the cache keeps less.',
    GIB,
    0,
  ),
  MEMORY_CACHE_BYTES: count(
    'Maximum bytes of small images and results in the memory of each process.',
    64 * MIB,
    0,
  ),
};
