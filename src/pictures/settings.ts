import { count, GIB, type Settings } from '../core/settings.ts';

export const pictureSettings = {
  MAX_PIXELS: count('Most pixels (width × height) of one frame of an uploaded image.', 50_000_000),
  MAX_TOTAL_PIXELS: count('Most pixels over all frames of an uploaded image.', 200_000_000),
  MAX_OUTPUT_PIXELS: count(
    'Most pixels of a result, over all frames, and of each step on the way to it.',
    100_000_000,
  ),
  MAX_DECODE_BYTES: count(
    'Most memory, in bytes, that decoding one image may need as estimated from its header (progressive JPEG, interlaced PNG).',
    2 * GIB,
  ),
};

export type PictureSettings = Settings<typeof pictureSettings>;
