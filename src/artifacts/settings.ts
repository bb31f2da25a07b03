import { count, GIB } from '../core/settings.ts';

export const artifactSettings = {
  CACHE_BYTES: count(
    'Maximum bytes of artifacts made by GET requests that the database keeps, shared fairly by their owners. An owner’s least recently used are evicted first.',
    GIB,
    0,
  ),
};
