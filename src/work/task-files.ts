import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { SourceFile } from '../pictures/types.ts';
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

/** Writes a file that does not exist yet. */
export async function writeNewFile(path: string, bytes: Uint8Array): Promise<WrittenFile> {
  await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
  return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
}
