import { AppError } from '../core/errors.ts';
import { storageUnavailable, toStorageError } from '../system/storage-errors.ts';
import { FORMATS, type ImageFormat } from './formats.ts';
import { readingAt } from './read-at.ts';
import type { SourceFile } from './types.ts';

/**
 * Awaits the result of reading a client's file, with sharp or otherwise. All reading of clients' files goes through here.
 *
 * @throws AppError `undecodable_image`, with the decoder's message, instead of sharp's errors about the file's bytes;
 *   `storage_unavailable` if the disk is full or broken. Other failures of the service itself are passed on: a missing or
 *   unreadable file, a lack of memory, a fault in the code.
 */
export async function decoding<Result>(file: SourceFile, result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    throw toDecodeFailure(file, error);
  }
}

/**
 * Awaits the result of reading a file that this service wrote, such as a label map: no client is to blame if it is damaged.
 *
 * @throws Error instead of `undecodable_image`
 */
export async function readingOwn<Result>(result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'undecodable_image') throw error;
    throw new Error(`A file of the service is damaged. ${error.detail}`, { cause: error });
  }
}

/** The refusal of a client's file because of its content. */
export function undecodable(format: ImageFormat, reason: string, cause?: unknown): AppError {
  const detail = `The ${FORMATS[format].name} file cannot be decoded: ${reason}`;
  return new AppError('undecodable_image', detail, { cause });
}

/** The system's messages about a full or broken disk; libvips passes them on after `system error: `. */
const STORAGE_FAILURE =
  /No space left on device|Disk quota exceeded|Input\/output error|Read-only file system|Too many open files/i;

/**
 * Failures of the system, not of the file's bytes, as libvips reports them. The messages about memory are those of vips_tracked,
 * libjpeg, libheif and libtiff. If an allocation exceeds a limit of libheif or libtiff, the file is at fault.
 */
const SYSTEM_FAILURES = [
  /^Input file is missing/,
  /^system error: /m,
  /out of memory|insufficient memory|(?:failed|unable) to allocate|memory allocation error(?!: security limit)/i,
];

function toDecodeFailure(file: SourceFile, error: unknown): unknown {
  // sharp throws plain errors; a TypeError or a RangeError means a fault in this code or a lack of memory.
  if (!(error instanceof Error) || error.name !== 'Error' || error instanceof AppError) return error;
  if ('syscall' in error) return toStorageError(error) ?? error;
  const { message } = error;
  // The same sharp pipeline writes the result, so a full disk is also reported here.
  if (STORAGE_FAILURE.test(message)) return storageUnavailable(error);
  if (SYSTEM_FAILURES.some((pattern) => pattern.test(message))) return error;
  const failure = readThrough(file.path);
  if (failure !== undefined) return toStorageError(failure) ?? failure;
  return undecodable(file.format, toReason(message), error);
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * The reason why a file cannot be read; undefined if it can. For a directory, an unreadable file or an empty one, sharp gives the
 * same message as for a bad picture: "Input file contains unsupported image format".
 */
function readThrough(path: string): unknown {
  try {
    return readingAt(path, (readAt) => {
      let length = 0;
      for (let more = CHUNK_BYTES; more > 0; length += more) more = readAt(length, CHUNK_BYTES).length;
      // The file was accepted because of its first bytes, so it was not empty then.
      return length === 0 ? new Error(`${path} is empty`) : undefined;
    });
  } catch (error) {
    return error;
  }
}

/** Text that sharp and libvips put around the reason. */
const NOISE = [
  /^Input file (has corrupt header|contains unsupported image format):?\s*/,
  /^Warning treated as error due to failOn setting$/,
  /^error in tile \d+ x \d+$/,
  /^.*: bad seek to -?\d+$/,
  /^(Vips\w+|\w+2vips|vips\w+|\w+load|vips_\w+|heif|webp):\s*/,
  /^(source input):\s*/,
];

const TIFF_COMPRESSIONS = 'LZW, Deflate, PackBits, CCITT, JPEG and WebP';

/** Characters that are kept of a decoder's message. */
const MAX_REASON = 300;

function toReason(message: string): string {
  const lines = message
    .split('\n')
    .map((line) => NOISE.reduce((text, noise) => text.replace(noise, ''), line.trim()))
    .map((line) => line.replace(/\p{Cc}/gu, ' ').replace(/(?:[A-Za-z]:)?[/\\]\S*/g, 'the file'))
    .filter((line) => line !== '');
  const [first = 'its header is corrupt or of an unsupported kind'] = lines;
  // libpng says the same about a file that is cut off and about damaged data, and libvips may say nothing.
  if (/^(?:libpng read error|Unknown error|unable to write to target.*)$/.test(first))
    return 'its data ends early or is damaged';
  const [, compression] = /^(\w+) compression support is not configured/.exec(first) ?? [];
  if (compression !== undefined)
    return `its compression (${compression}) is not read; ${TIFF_COMPRESSIONS} are`;
  return first.slice(0, MAX_REASON).toWellFormed();
}
