import { count, GIB } from '../core/settings.ts';

export const artifactSettings = {
  CACHE_BYTES: count(
    'Bytes of artifacts made by GET requests to keep in the database; the least recently used are evicted first.',
    GIB,
    0,
  ),
};
