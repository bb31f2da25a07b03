import { createHash, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { StagedFile } from '../../src/blobs/blob-store.ts';

/** Writes bytes to a file that can become a blob. */
export async function stageBytes(folder: string, bytes: Buffer): Promise<StagedFile> {
  const file = path.join(folder, randomUUID());
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest();
  return { path: file, sha256, size: bytes.length, mediaType: 'image/png' };
}
