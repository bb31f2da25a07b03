import { count, GIB, type Settings } from '../core/settings.ts';

export const frameSettings = {
  MAX_CSV_BYTES: count('Largest accepted image log, in bytes.', 4 * GIB),
  CSV_CONCURRENCY: count(
    'Image logs that are read at the same time, each in a thread and with a database connection of its own.',
    4,
    1,
    64,
  ),
  CSV_QUEUE: count('Image logs that may wait to be read; past it the answer is 503.', 16, 0),
  FRAME_PICTURE_CONCURRENCY: count(
    'Pictures of frames that are made at the same time, each in memory.',
    4,
    1,
    64,
  ),
  FRAME_PICTURE_QUEUE: count(
    'Pictures of frames that may wait for their turn; past it the answer is 503.',
    64,
    0,
  ),
};

export type FrameSettings = Settings<typeof frameSettings>;
