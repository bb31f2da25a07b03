import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Reads bytes at an offset; fewer than requested at the end of the file. */
export type ReadAt = (offset: number, length: number) => Buffer;

/**
 * Reads parts of a file. Synchronous, because an image process does nothing else meanwhile.
 *
 * @throws Error of the file system, or if the path is not a regular file
 */
export function readingAt<Result>(path: string, read: (readAt: ReadAt) => Result): Result {
  // Without O_NONBLOCK, opening a named pipe waits for a writer.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`${path} is not a regular file`);
    return read((offset, length) => {
      // A damaged file may refer to an offset past the end of any file.
      if (!Number.isSafeInteger(offset)) return Buffer.alloc(0);
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    });
  } finally {
    closeSync(descriptor);
  }
}
