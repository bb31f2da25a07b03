import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { SourceFile } from '../pictures/types.ts';
import { toStorageError } from '../system/storage-errors.ts';
import type { InputFiles } from './inputs.ts';
import type { WrittenFile } from './operation.ts';

/** The local file of an input that is a picture. */
export function pictureFile(input: InputFiles | undefined): SourceFile {
  if (input === undefined || input.path === null || input.format === null) {
    throw new Error('The task has no picture at this place.');
  }
  return { path: input.path, format: input.format };
}

/** The path of an input's bytes. */
export function contentFile(input: InputFiles | undefined): string {
  if (input === undefined || input.path === null) throw new Error('The task has no file at this place.');
  return input.path;
}

/** The path of an input's JSON document. */
export function documentFile(input: InputFiles | undefined): string {
  if (input === undefined || input.documentPath === null)
    throw new Error('The task has no document at this place.');
  return input.documentPath;
}

/**
 * Writes a file that does not exist yet, from its bytes or the parts of them.
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

/** The bytes of JSON. */
export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
