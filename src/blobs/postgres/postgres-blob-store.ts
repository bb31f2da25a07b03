import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ClientBase, Pool, QueryResultRow } from 'pg';
import { AppError } from '../../core/errors.ts';
import { queryBinaryRow } from '../../db/binary-copy.ts';
import { CONFLICT_STATES, FOREIGN_KEY_VIOLATION, hasState, withTransaction } from '../../db/database.ts';
import type { BlobStore, ByteRange, NamingStatement, StagedFile } from '../blob-store.ts';

const CHUNK_BYTES = 1024 * 1024;
/** How often a commit starts again because the blob that it had found was deleted. */
const COMMIT_ATTEMPTS = 100;

const CREATE_BLOB = `created AS (
  INSERT INTO blobs (sha256, size, media_type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING sha256
)`;
const INSERT_SMALL = `WITH ${CREATE_BLOB}
INSERT INTO blob_chunks (sha256, index, data) SELECT sha256, 0, $4 FROM created`;
const INSERT_BLOB = 'INSERT INTO blobs (sha256, size, media_type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING';
const INSERT_CHUNK = 'INSERT INTO blob_chunks (sha256, index, data) VALUES ($1, $2, $3)';

/** Columns by which other tables name blobs; the database knows, so that no table added later can be forgotten. */
const REFERENCES = `SELECT format('SELECT FROM %s WHERE %I = blobs.sha256', c.conrelid::regclass, a.attname) AS query
  FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
  WHERE c.contype = 'f' AND c.confrelid = 'blobs'::regclass AND c.conrelid <> 'blob_chunks'::regclass
  ORDER BY 1`;

/** Fills a buffer with the file's next bytes, fewer only at its end. */
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

/** Blobs in PostgreSQL, in chunks of 1 MiB, so that any size goes in and out in constant memory. */
export class PostgresBlobStore implements BlobStore {
  readonly #pool: Pool;
  #deleteQuery: string | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async commit(transaction: ClientBase, file: StagedFile): Promise<void> {
    for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
      if (await this.#insert(transaction, file)) return;
      // The lock also waits for a transaction that is deleting the blob; where that one commits, it is gone.
      const { rowCount } = await transaction.query({
        name: 'blob-lock',
        text: 'SELECT FROM blobs WHERE sha256 = $1 FOR KEY SHARE',
        values: [file.sha256],
      });
      if (rowCount === 1) return;
    }
    throw new AppError('conflict', 'Equal bytes were stored and deleted again and again meanwhile.');
  }

  async commitNamed<Row extends QueryResultRow>(
    files: readonly [StagedFile, ...StagedFile[]],
    statement: NamingStatement,
  ): Promise<Row[]> {
    const [file] = files;
    const blob = [file.sha256, file.size, file.mediaType];
    if (files.length === 1 && file.size > 0 && file.size <= CHUNK_BYTES) {
      const { name, text, values } = statement;
      const bytes = new SmallFile(file);
      try {
        const { rows } = await this.#pool.query<Row>({
          name: `blob-and-${name}`,
          text: `WITH ${CREATE_BLOB}, chunk AS (
            INSERT INTO blob_chunks (sha256, index, data) SELECT sha256, 0, $${values.length + 4}::bytea FROM created
          ), ${text}`,
          values: [...blob, ...values, bytes],
        });
        return rows;
      } catch (error) {
        if (bytes.failure) throw bytes.failure;
        // The blob was there, or what else the statement refers to, and has been deleted meanwhile: a transaction can tell.
        if (!hasState(error, [FOREIGN_KEY_VIOLATION, ...CONFLICT_STATES])) throw error;
      }
    }
    // In the order in which deletions lock blobs, so that neither waits for the other.
    const ordered = files.toSorted((a, b) => a.sha256.compare(b.sha256));
    return withTransaction(this.#pool, async (client) => {
      for (const staged of ordered) await this.commit(client, staged);
      const { rows } = await client.query<Row>({
        ...statement,
        text: `WITH ${statement.text}`,
        values: [...blob, ...statement.values],
      });
      return rows;
    });
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
      // The next chunk comes while the reader is busy with this one.
      next = position < end ? this.#readChunk(sha256, position, end) : undefined;
      next?.catch(() => undefined);
      yield data;
    }
  }

  async deleteUnreferenced(transaction: ClientBase, sha256s: readonly Buffer[]): Promise<void> {
    if (sha256s.length === 0) return;
    this.#deleteQuery ??= await buildDeleteQuery(transaction);
    // Locked first, in one order for all transactions: when the second statement looks for rows that name the blobs, those
    // that were committed while it waited are there, and no new ones can come.
    await transaction.query('SELECT FROM blobs WHERE sha256 = ANY($1) ORDER BY sha256 FOR UPDATE', [sha256s]);
    await transaction.query(this.#deleteQuery, [sha256s]);
  }

  /** Whether the blob is new. */
  async #insert(transaction: ClientBase, file: StagedFile): Promise<boolean> {
    const { sha256, size, mediaType } = file;
    if (size > 0 && size <= CHUNK_BYTES) {
      const bytes = new SmallFile(file);
      const { rowCount } = await transaction
        .query({ name: 'blob-insert-small', text: INSERT_SMALL, values: [sha256, size, mediaType, bytes] })
        .catch((error: unknown) => {
          throw bytes.failure ?? error;
        });
      return rowCount === 1;
    }
    const handle = await open(file.path);
    try {
      const first = await readFully(handle, CHUNK_BYTES);
      const { rowCount } = await transaction.query({
        name: 'blob-insert',
        text: INSERT_BLOB,
        values: [sha256, size, mediaType],
      });
      if (rowCount !== 1) return false;
      requireSize(file, await insertChunks(transaction, sha256, first, handle));
      return true;
    } finally {
      await handle.close();
    }
  }

  /** The part of one chunk from `position` to its end or to `end`, and the size of the blob. */
  async #readChunk(sha256: Buffer, position: number, end = Number.POSITIVE_INFINITY) {
    const index = Math.floor(position / CHUNK_BYTES);
    const offset = position - index * CHUNK_BYTES;
    const length = Math.max(Math.min(end - position, CHUNK_BYTES - offset), 0);
    // The values are a hash and whole numbers: nothing in them needs quoting.
    const row = await queryBinaryRow(
      this.#pool,
      `SELECT b.size, substring(c.data FROM ${offset + 1} FOR ${length}) FROM blobs b
       LEFT JOIN blob_chunks c ON c.sha256 = b.sha256 AND c.index = ${index} WHERE b.sha256 = '\\x${sha256.toString('hex')}'`,
    );
    const [size, data] = row ?? [];
    if (!size) throw new AppError('not_found', 'There are no such bytes.');
    return { size: Number(size.readBigInt64BE()), data: data ?? null };
  }
}

/** Where the bytes of small files are read, and copied from in the same moment. One byte more tells that a file is too long. */
const SMALL_BYTES = Buffer.allocUnsafeSlow(CHUNK_BYTES + 1);

/**
 * The bytes of a staged file of one chunk, as a value of a query. They are read when `pg` writes the query, which copies
 * them: a buffer of their own would be garbage a moment later, and garbage outside of the heap made V8 collect the whole
 * heap every other second (0.7 ms of CPU a result). Read at once: the file was written a moment ago, so the kernel has it
 * in memory; 100 KB take 0.01 ms, in the thread pool 0.2 ms of CPU.
 */
class SmallFile {
  readonly #file: StagedFile;
  /** Why the file could not be read; the query has failed then. */
  failure: unknown;

  constructor(file: StagedFile) {
    this.#file = file;
  }

  /** `pg` asks for it. An error thrown here would leave the connection without the prepared statement that it believes to have. */
  toPostgres(): Buffer | null {
    try {
      const handle = openSync(this.#file.path, 'r');
      try {
        const length = readSync(handle, SMALL_BYTES, 0, SMALL_BYTES.length, 0);
        requireSize(this.#file, length);
        return SMALL_BYTES.subarray(0, length);
      } finally {
        closeSync(handle);
      }
    } catch (error) {
      this.failure = error;
      return null;
    }
  }
}

/** @throws Error where the staged file is not what its description says: its blob must not be committed */
function requireSize({ path, size }: StagedFile, found: number): void {
  if (found !== size) throw new Error(`The staged file ${path} has ${found} bytes, not ${size}.`);
}

/** Inserts a file's chunks, each while the next one is being read, and gives the number of bytes. */
async function insertChunks(
  transaction: ClientBase,
  sha256: Buffer,
  first: Buffer,
  file: FileHandle,
): Promise<number> {
  let total = 0;
  let inserted: Promise<unknown> = Promise.resolve();
  for (let index = 0, data = first; data.length > 0; index++) {
    await inserted;
    inserted = transaction.query({
      name: 'blob-insert-chunk',
      text: INSERT_CHUNK,
      values: [sha256, index, data],
    });
    inserted.catch(() => undefined);
    total += data.length;
    data = await readFully(file, CHUNK_BYTES);
  }
  await inserted;
  return total;
}

async function buildDeleteQuery(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ query: string }>(REFERENCES);
  const unreferenced = rows.map(({ query }) => `AND NOT EXISTS (${query})`).join(' ');
  return `DELETE FROM blobs WHERE sha256 = ANY($1) ${unreferenced}`;
}
