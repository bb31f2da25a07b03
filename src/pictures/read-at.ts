import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Reads bytes at an offset; fewer than asked for at the end of the file. */
export type ReadAt = (offset: number, length: number) => Buffer;

/**
 * Reads parts of a file. Synchronous, for an image process, which has nothing else to do meanwhile.
 *
 * @throws Error of the file system, and for what is not a regular file
 */
export function readingAt<Result>(path: string, read: (readAt: ReadAt) => Result): Result {
  // To open a named pipe would wait for someone to write to it.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`${path} is not a regular file`);
    return read((offset, length) => {
      // Past the end of every file; a damaged one may ask for it.
      if (!Number.isSafeInteger(offset)) return Buffer.alloc(0);
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    });
  } finally {
    closeSync(descriptor);
  }
}
