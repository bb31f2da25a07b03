import { type FileHandle, open } from 'node:fs/promises';
import type { Pool } from 'pg';
import { AppError } from '../../core/errors.ts';
import { queryBinaryRow } from '../../db/binary-copy.ts';
import type { Transaction } from '../../db/database.ts';
import type { BlobStore, ByteRange, StagedFile } from '../blob-store.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Keeps bytes in PostgreSQL in chunks of 1 MiB, so that any size is read and written in constant memory. */
export class PostgresBlobStore implements BlobStore<Transaction> {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async put({ path, sha256, size }: StagedFile, { client }: Transaction): Promise<void> {
    const file = await open(path);
    try {
      let stored = 0;
      for (let index = 0; stored <= size; index += 1) {
        // Asking for one byte too many shows whether the file is too long.
        const data = await readFully(file, Math.min(size - stored + 1, CHUNK_BYTES));
        if (data.length === 0) break;
        await client.query({
          name: 'blob-insert-chunk',
          text: 'INSERT INTO blob_chunks (sha256, index, data) VALUES ($1, $2, $3)',
          values: [sha256, index, data],
        });
        stored += data.length;
      }
      if (stored !== size) throw new Error(`The staged file ${path} has ${stored} bytes, not ${size}.`);
    } finally {
      await file.close();
    }
  }

  async *read(sha256: Buffer, range?: ByteRange): AsyncGenerator<Buffer> {
    let position = Math.max(range?.start ?? 0, 0);
    const first = await this.#readChunk(sha256, position, range?.end);
    const end = Math.min(range?.end ?? first.size, first.size);
    let next: Promise<{ data: Buffer | null }> | undefined = Promise.resolve(first);
    while (position < end && next) {
      const { data } = await next;
      if (data === null || data.length === 0)
        throw new Error(`Blob ${sha256.toString('hex')} has no bytes at ${position} of ${first.size}.`);
      position += data.length;
      // The next chunk is loaded while the reader is busy with this one.
      next = position < end ? this.#readChunk(sha256, position, end) : undefined;
      next?.catch(() => undefined);
      yield data;
    }
  }

  async delete(): Promise<void> {
    // The chunks are deleted with the row of their blob, because the foreign key cascades.
  }

  /** The part of one chunk between `position` and `end`, and the size of the blob. */
  async #readChunk(sha256: Buffer, position: number, end = Number.POSITIVE_INFINITY) {
    const index = Math.floor(position / CHUNK_BYTES);
    const offset = position - index * CHUNK_BYTES;
    const length = Math.max(Math.min(end - position, CHUNK_BYTES - offset), 0);
    // The values are a hash and integers, which do not need quoting.
    const row = await queryBinaryRow(
      this.#pool,
      `SELECT b.size, substring(c.data FROM ${offset + 1} FOR ${length}) FROM blobs b
       LEFT JOIN blob_chunks c ON c.sha256 = b.sha256 AND c.index = ${index} WHERE b.sha256 = '\\x${sha256.toString('hex')}'`,
    );
    const [size, data] = row ?? [];
    if (!size) throw new AppError('not_found', 'These bytes do not exist.');
    return { size: Number(size.readBigInt64BE()), data: data ?? null };
  }
}

/** The next bytes of the file, fewer than `length` only at its end. */
async function readFully(file: FileHandle, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
