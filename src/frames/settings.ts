import { count, flag, GIB, type Settings } from '../core/settings.ts';

export const frameSettings = {
  MAX_CSV_BYTES: count('Maximum size of an image log, in bytes.', 4 * GIB),
  KEEP_LOG_FILES: flag(
    'Whether the uploaded files of image logs are kept, so that they can be downloaded. Their frames always are.',
    true,
  ),
  CSV_CONCURRENCY: count(
    'Image logs read at the same time, each with a thread and a database connection.',
    4,
    1,
    64,
  ),
  CSV_QUEUE: count('Image logs that may wait to be read; further requests get a 503.', 16, 0),
  FRAME_PICTURE_CONCURRENCY: count('Pictures of frames made at the same time, each in memory.', 4, 1, 64),
  FRAME_PICTURE_QUEUE: count('Pictures of frames that may wait; further requests get a 503.', 64, 0),
};

export type FrameSettings = Settings<typeof frameSettings>;
