import type { ClientBase } from 'pg';
import { AppError } from '../../core/errors.ts';
import type { Transaction } from '../../db/database.ts';
import type { BlobStore, StagedFile } from '../blob-store.ts';

/** How often a blob is looked for again because it was deleted after it had been found. */
const ATTEMPTS = 100;

/** Columns by which other tables name blobs; the database knows, so that no table added later can be forgotten. */
const REFERENCES = `SELECT format('SELECT FROM %s WHERE %I = blobs.sha256', c.conrelid::regclass, a.attname) AS query
  FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
  WHERE c.contype = 'f' AND c.confrelid = 'blobs'::regclass AND c.conrelid <> 'blob_chunks'::regclass
  ORDER BY 1`;

/**
 * Which blobs there are: the rows of `blobs`, which other rows name by foreign keys. It changes them in the transaction of the
 * rows that name them, and has the store put and delete bytes accordingly. Equal bytes are stored once.
 */
export class BlobRegistry {
  readonly #store: BlobStore<Transaction>;
  #deleteQuery: string | undefined;

  constructor(store: BlobStore<Transaction>) {
    this.#store = store;
  }

  /** Makes the staged files blobs. Until the transaction ends, nobody else can delete them. */
  async add(files: readonly StagedFile[], transaction: Transaction): Promise<void> {
    // In the order in which deletions lock blobs, so that neither waits for the other.
    for (const file of files.toSorted((a, b) => a.sha256.compare(b.sha256))) {
      if (await this.#isNew(file, transaction.client)) await this.#store.put(file, transaction);
    }
  }

  /** Deletes those of the blobs that no row names any more, after the transaction has deleted its own rows. */
  async deleteUnreferenced(sha256s: readonly Buffer[], transaction: Transaction): Promise<void> {
    if (sha256s.length === 0) return;
    const { client } = transaction;
    this.#deleteQuery ??= await buildDeleteQuery(client);
    // Locked first, in one order for all transactions: when the second statement looks for rows that name the blobs, it sees
    // those that were committed while the lock was waited for, and no new ones can come.
    await client.query('SELECT FROM blobs WHERE sha256 = ANY($1) ORDER BY sha256 FOR UPDATE', [sha256s]);
    const { rows } = await client.query<{ sha256: Buffer }>(this.#deleteQuery, [sha256s]);
    if (rows.length === 0) return;
    await this.#store.delete(
      rows.map(({ sha256 }) => sha256),
      transaction,
    );
  }

  /** Adds the blob's row, or locks the one that is there. */
  async #isNew({ sha256, size, mediaType }: StagedFile, client: ClientBase): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const inserted = await client.query({
        name: 'blob-insert',
        text: 'INSERT INTO blobs (sha256, size, media_type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        values: [sha256, size, mediaType],
      });
      if (inserted.rowCount === 1) return true;
      // The lock waits for a transaction that is deleting the blob; if that one commits, the blob is gone.
      const locked = await client.query({
        name: 'blob-lock',
        text: 'SELECT FROM blobs WHERE sha256 = $1 FOR KEY SHARE',
        values: [sha256],
      });
      if (locked.rowCount === 1) return false;
    }
    throw new AppError('conflict', 'Equal bytes were stored and deleted again and again meanwhile.');
  }
}

async function buildDeleteQuery(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ query: string }>(REFERENCES);
  const unreferenced = rows.map(({ query }) => `AND NOT EXISTS (${query})`).join(' ');
  return `DELETE FROM blobs WHERE sha256 = ANY($1) ${unreferenced} RETURNING sha256`;
}
