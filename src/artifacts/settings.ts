import { count, GIB } from '../core/settings.ts';

export const artifactSettings = {
  CACHE_BYTES: count(
    'Maximum bytes of artifacts made by GET requests that the database keeps; the least recently used are evicted first.',
    GIB,
    0,
  ),
};
