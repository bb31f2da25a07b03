import { count, GIB, MIB, type Settings } from '../core/settings.ts';

export const imageSettings = {
  MAX_FILE_BYTES: count('Maximum size of an image file, in bytes.', 50 * MIB),
  MAX_REQUEST_BYTES: count('Maximum size of a request body, in bytes.', GIB),
  MAX_FILES: count('Maximum number of files in one upload.', 100, 1, 1000),
  UPLOAD_CONCURRENCY: count(
    'Maximum image uploads received at the same time; further requests get a 503.',
    256,
    1,
    10_000,
  ),
};

export type ImageSettings = Settings<typeof imageSettings>;
