import type { ClientBase } from 'pg';
import { AppError } from '../../core/errors.ts';
import type { Transaction } from '../../db/database.ts';
import type { BlobStore, StagedFile } from '../blob-store.ts';

/** Maximum attempts to store a blob that others keep deleting. */
const ATTEMPTS = 100;

/** Finds the columns that reference blobs in the database's catalog, so that a table added later cannot be forgotten. */
const REFERENCES = `SELECT format('SELECT FROM %s WHERE %I = blobs.sha256', c.conrelid::regclass, a.attname) AS query
  FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
  WHERE c.contype = 'f' AND c.confrelid = 'blobs'::regclass AND c.conrelid <> 'blob_chunks'::regclass
  ORDER BY 1`;

/**
 * Manages the rows of `blobs`, which other rows reference by foreign keys. It changes them in the transaction of those rows, and
 * lets the store put and delete bytes accordingly. Equal bytes are stored once.
 */
export class BlobRegistry {
  readonly #store: BlobStore<Transaction>;
  #deleteQuery: string | undefined;

  constructor(store: BlobStore<Transaction>) {
    this.#store = store;
  }

  /** Stores the staged files as blobs. Until the transaction ends, nobody else can delete them. */
  async add(files: readonly StagedFile[], transaction: Transaction): Promise<void> {
    // Deletions lock blobs in the same order, so that there is no deadlock.
    for (const file of files.toSorted((a, b) => a.sha256.compare(b.sha256))) {
      if (await this.#isNew(file, transaction.client)) await this.#store.put(file, transaction);
    }
  }

  /** Deletes the blobs that are no longer referenced. Called after the transaction has deleted its own rows. */
  async deleteUnreferenced(sha256s: readonly Buffer[], transaction: Transaction): Promise<void> {
    if (sha256s.length === 0) return;
    const { client } = transaction;
    this.#deleteQuery ??= await buildDeleteQuery(client);
    // The locks are taken first, in the same order by all transactions. The second statement then sees the references that were
    // committed while it waited, and nobody can add new ones.
    await client.query('SELECT FROM blobs WHERE sha256 = ANY($1) ORDER BY sha256 FOR UPDATE', [sha256s]);
    const { rows } = await client.query<{ sha256: Buffer }>(this.#deleteQuery, [sha256s]);
    const deleted = rows.map(({ sha256 }) => sha256);
    if (deleted.length > 0) await this.#store.delete(deleted, transaction);
  }

  /** Adds the blob's row, or locks the existing one. */
  async #isNew({ sha256, size, mediaType }: StagedFile, client: ClientBase): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const inserted = await client.query({
        name: 'blob-insert',
        text: 'INSERT INTO blobs (sha256, size, media_type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        values: [sha256, size, mediaType],
      });
      if (inserted.rowCount === 1) return true;
      // The lock waits for a transaction that is deleting the blob. If that commits, the blob is gone.
      const locked = await client.query({
        name: 'blob-lock',
        text: 'SELECT FROM blobs WHERE sha256 = $1 FOR KEY SHARE',
        values: [sha256],
      });
      if (locked.rowCount === 1) return false;
    }
    throw new AppError('conflict', 'The same file is being stored and deleted at the same time; try again.');
  }
}

async function buildDeleteQuery(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ query: string }>(REFERENCES);
  const unreferenced = rows.map(({ query }) => `AND NOT EXISTS (${query})`).join(' ');
  return `DELETE FROM blobs WHERE sha256 = ANY($1) ${unreferenced} RETURNING sha256`;
}
