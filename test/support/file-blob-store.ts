import { randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BlobStore, ByteRange, StagedFile, UnitOfWork } from '../../src/blobs/blob-store.ts';
import { AppError } from '../../src/core/errors.ts';

/**
 * Bytes in files, each in a folder named by its hash. Every put makes a file with a name of its own, so that a deletion which ends
 * late never meets the file of equal bytes that were put after it.
 */
export class FileBlobStore implements BlobStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async put({ path: staged, sha256, size }: StagedFile, transaction: UnitOfWork): Promise<void> {
    const file = path.join(this.#folderOf(sha256), randomUUID());
    transaction.whenEnded(async (isCommitted) => {
      if (!isCommitted) await rm(file, { force: true });
    });
    await mkdir(path.dirname(file), { recursive: true });
    await copyFile(staged, file, constants.COPYFILE_EXCL);
    const found = await stat(file);
    if (found.size !== size)
      throw new Error(`The staged file ${staged} has ${found.size} bytes, not ${size}.`);
  }

  async *read(sha256: Buffer, range?: ByteRange): AsyncGenerator<Buffer> {
    for (const file of await this.#filesOf(sha256)) {
      // It may be one that is being deleted.
      const handle = await open(file).catch(() => undefined);
      if (handle === undefined) continue;
      const { size } = await handle.stat();
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? size, size);
      if (start >= end) return await handle.close();
      return yield* createReadStream(file, { fd: handle, start, end: end - 1, highWaterMark: 1024 * 1024 });
    }
    throw new AppError('not_found', 'These bytes do not exist.');
  }

  async delete(sha256s: readonly Buffer[], transaction: UnitOfWork): Promise<void> {
    const files = (await Promise.all(sha256s.map((sha256) => this.#filesOf(sha256)))).flat();
    transaction.whenEnded(async (isCommitted) => {
      if (isCommitted) await Promise.all(files.map((file) => rm(file, { force: true })));
    });
  }

  #folderOf(sha256: Buffer): string {
    return path.join(this.#root, sha256.toString('hex'));
  }

  async #filesOf(sha256: Buffer): Promise<string[]> {
    const folder = this.#folderOf(sha256);
    const names = await readdir(folder).catch(() => []);
    return names.map((name) => path.join(folder, name));
  }
}
