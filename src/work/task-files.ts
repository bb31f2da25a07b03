import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { SourceFile } from '../pictures/types.ts';
import { toStorageError } from '../system/storage-errors.ts';
import type { InputFiles } from './inputs.ts';
import type { WrittenFile } from './operation.ts';

/** The local file of an input that is a picture. */
export function pictureFile(input: InputFiles | undefined): SourceFile {
  if (!input?.path || !input.format) throw new Error('The task does not have this picture.');
  return { path: input.path, format: input.format };
}

/** The path of an input's bytes. */
export function contentFile(input: InputFiles | undefined): string {
  if (!input?.path) throw new Error('The task does not have this file.');
  return input.path;
}

/** The path of an input's JSON document. */
export function documentFile(input: InputFiles | undefined): string {
  if (!input?.documentPath) throw new Error('The task does not have this document.');
  return input.documentPath;
}

/**
 * Writes a file that does not exist yet.
 *
 * @throws AppError `storage_unavailable` if the disk is full or fails
 */
export async function writeNewFile(
  path: string,
  bytes: Uint8Array | readonly Uint8Array[],
): Promise<WrittenFile> {
  const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
  try {
    await writeFile(path, parts, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw toStorageError(error) ?? error;
  }
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return { sha256: hash.digest('hex'), size: parts.reduce((sum, part) => sum + part.length, 0) };
}

/** A value as JSON bytes. */
export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
