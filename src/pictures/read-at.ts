import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Reads bytes at an offset; fewer than requested at the end of the file. */
export type ReadAt = (offset: number, length: number) => Buffer;

const WINDOW_BYTES = 64 * 1024;

/**
 * Reads bytes that follow each other in large pieces. The function gives the bytes from an offset to the end of the piece, which are
 * at least `minimum` unless the file ends before.
 */
export function inPieces(readAt: ReadAt, minimum: number): (offset: number) => Buffer {
  let piece = readAt(0, WINDOW_BYTES);
  let start = 0;
  return (offset) => {
    const isInside = offset >= start && offset + minimum <= start + piece.length;
    // A short piece is the last one.
    const isRest = offset >= start && piece.length < WINDOW_BYTES;
    if (!isInside && !isRest) {
      piece = readAt(offset, WINDOW_BYTES);
      start = offset;
    }
    return piece.subarray(offset - start);
  };
}

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
