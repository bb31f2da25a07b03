import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FormFile } from '../http/requests/multipart-form.ts';
import { removeFile } from '../system/remove-file.ts';

/** A file of an upload that has been received completely. */
export interface ReceivedFile {
  /** As the client sent it; not sanitized. */
  filename: string;
  /** The file with the bytes; the caller deletes it. */
  path: string;
  sha256: Buffer;
  /** Bytes received. */
  size: number;
  /** The first bytes, which tell the format. */
  head: Buffer;
  /** The file was longer than `maxFileBytes` and has been cut off. */
  isTooLarge: boolean;
}

const HEAD_BYTES = 256;

/**
 * Streams a file of a form to a new file and hashes it on the way. If that fails, the file is removed.
 *
 * @throws what reading the form throws
 */
export async function receiveFile(
  { filename, chunks, isTooLarge }: FormFile,
  path: string,
): Promise<ReceivedFile> {
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let size = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      if (size < HEAD_BYTES) head.push(chunk.subarray(0, HEAD_BYTES - size));
      size += chunk.length;
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.close();
  } catch (error) {
    // On a full disk, closing may fail like writing.
    await file.close().catch(() => undefined);
    await removeFile(path);
    throw error;
  }
  return {
    filename,
    path,
    sha256: hash.digest(),
    size,
    head: Buffer.concat(head),
    isTooLarge: isTooLarge(),
  };
}
