import { count, GIB, MIB, type Settings } from '../core/settings.ts';

export const imageSettings = {
  MAX_FILE_BYTES: count('Largest accepted image file, in bytes.', 50 * MIB),
  MAX_REQUEST_BYTES: count('Largest accepted request body, in bytes.', GIB),
  MAX_FILES: count('Most files in one upload.', 100, 1, 1000),
  UPLOAD_CONCURRENCY: count(
    'Uploads of images that are received at the same time; past it the answer is 503.',
    256,
    1,
    10_000,
  ),
};

export type ImageSettings = Settings<typeof imageSettings>;
