import { storageUnavailable, toStorageError } from '../blobs/storage-errors.ts';
import { AppError } from '../errors.ts';
import type { ImageFormat } from './types.ts';

const FORMAT_NAMES: Record<ImageFormat, string> = {
  jpeg: 'JPEG',
  png: 'PNG',
  webp: 'WebP',
  gif: 'GIF',
  tiff: 'TIFF',
  avif: 'AVIF',
};

/** What sharp and libvips say around the reason itself. */
const NOISE = [
  /^Input file (has corrupt header|contains unsupported image format):?\s*/,
  /^Warning treated as error due to failOn setting$/,
  /^error in tile \d+ x \d+$/,
  /^(Vips\w+|\w+2vips|vips\w+|\w+load|vips_\w+):\s*/,
];

/** ENOSPC and EDQUOT, as libvips passes on what the system says. */
const DISK_FULL = /No space left on device|Disk quota exceeded/i;

/** Characters kept of a decoder's message. */
const MAX_REASON = 200;

/**
 * Turns what sharp threw while it read a client's file into an `undecodable_image` that says what the decoder found,
 * without paths. A missing file and failures of the file system are the service's own: they come back as they are, or as
 * `storage_unavailable`.
 */
export function undecodable(format: ImageFormat, error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (/^Input file is missing/.test(message)) return error;
  // The result is written where the source is read, so that a full disk comes this way, too.
  if (DISK_FULL.test(message)) return storageUnavailable(error);
  if (error instanceof Error && 'syscall' in error) return toStorageError(error) ?? error;
  const reason = toReason(message) || 'its header is corrupt or of an unsupported kind';
  const detail = `The ${FORMAT_NAMES[format]} image cannot be decoded: ${reason}`;
  return new AppError('undecodable_image', detail, { cause: error });
}

function toReason(message: string): string {
  const lines = message
    .split('\n')
    .map((line) => NOISE.reduce((text, noise) => text.replace(noise, ''), line.trim()))
    .map((line) => line.replace(/\p{Cc}/gu, ' ').replace(/(?:[A-Za-z]:)?[/\\]\S*/g, 'the file'))
    .filter((line) => line !== '');
  const [first = ''] = lines;
  // What libpng's reader says at the end of a cut-off file, and of damaged data.
  if (first === 'libpng read error') return 'its data ends early or is damaged';
  return first.slice(0, MAX_REASON).toWellFormed();
}
