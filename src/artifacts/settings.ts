import { count, GIB } from '../core/settings.ts';

export const artifactSettings = {
  CACHE_BYTES: count(
    'Bytes of artifacts made by GET requests that are kept in the database, least recently used evicted first.',
    GIB,
    0,
  ),
};
