import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { FastifyRequest } from 'fastify';
import { type FormFile, type FormLimits, type FormOptions, receiveForm } from './multipart-form.ts';

export type UploadLimits = FormLimits;

/** One file part, received whole. */
export interface ReceivedFile {
  /** As the client sent it; not safe for anything. */
  filename: string;
  /** Where the bytes are; the receiver's to delete. */
  path: string;
  sha256: Buffer;
  /** Bytes received. */
  size: number;
  /** The first bytes, for telling the format. */
  head: Buffer;
  /** The file was longer than `maxFileBytes`; `path` holds nothing of use. */
  isTooLarge: boolean;
}

export interface UploadOptions extends FormOptions {
  /** A path for the next file, in a folder for temporary files. */
  newPath: () => string;
  /** Called as each file has arrived, while the next ones are still coming. */
  onFile: (file: ReceivedFile) => void;
}

const HEAD_BYTES = 256;

async function receiveFile({ filename, chunks, isTooLarge }: FormFile, path: string): Promise<ReceivedFile> {
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
    // A full disk may fail here, too, after it has failed to write.
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
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

/**
 * Receives the files of a multipart body, each streamed to a temporary file while it is hashed. Returns when the whole
 * body has arrived and was well-formed. `refuseUnreceivable` comes before.
 *
 * @throws AppError as `receiveForm`
 */
export async function receiveFiles(request: FastifyRequest, options: UploadOptions): Promise<void> {
  for await (const file of receiveForm(request, options)) {
    options.onFile(await receiveFile(file, options.newPath()));
  }
}
