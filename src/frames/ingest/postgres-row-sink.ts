import { randomUUID } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import type { OwnerId } from '../../auth/owner.ts';
import type { BlobRegistry } from '../../blobs/postgres/blob-registry.ts';
import { AppError } from '../../core/errors.ts';
import { beginTransaction, type Transaction } from '../../db/database.ts';
import { FrameCopy } from './copy-stream.ts';
import type { RowSink, StoredLog } from './ingest.ts';
import type { IngestSummary } from './messages.ts';
import { completeFrameSet, findSame, insertFrameSet, type NewFrameSet } from './new-frame-set.ts';

/** Media type of uploaded files. */
export const LOG_MEDIA_TYPE = 'text/csv';

export interface NewLog {
  owner: OwnerId;
  frameSet: NewFrameSet;
  /** Store the log even if the same log exists already. */
  force: boolean;
  /** The local file with all its bytes when `finish` is called, if the file is kept; or that they are a blob already. */
  file: { path: string } | 'stored' | undefined;
  /**
   * Called when the log is complete, in its transaction.
   *
   * @returns false if the log is not to be stored
   */
  claim?: (stored: StoredLog, client: ClientBase) => Promise<boolean>;
}

/** Stores a log as a new frame set, in one transaction, so that a log is stored as a whole or not at all. */
export class PostgresRowSink implements RowSink {
  readonly frameSetId: string;
  readonly #log: NewLog;
  readonly #transaction: Transaction;
  readonly #copy: FrameCopy;
  readonly #blobs: BlobRegistry;

  private constructor(transaction: Transaction, frameSetId: string, log: NewLog, blobs: BlobRegistry) {
    this.frameSetId = frameSetId;
    this.#log = log;
    this.#transaction = transaction;
    this.#copy = new FrameCopy(transaction.client);
    this.#blobs = blobs;
  }

  /**
   * Inserts the frame set and starts to copy rows.
   *
   * @param id of the frame set, if whoever writes the rows knows it already
   */
  static async open(
    pool: Pool,
    log: NewLog,
    blobs: BlobRegistry,
    id: string = randomUUID(),
  ): Promise<PostgresRowSink> {
    const transaction = await beginTransaction(pool);
    try {
      // An upload may take as long as its client does.
      await transaction.client.query('SET LOCAL statement_timeout = 0');
      await insertFrameSet(transaction.client, log.owner, id, log.frameSet);
      return new PostgresRowSink(transaction, id, log, blobs);
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  write(rows: Uint8Array): Promise<void> {
    return this.#copy.write(rows);
  }

  async finish(summary: IngestSummary): Promise<StoredLog> {
    await this.#copy.finish();
    const { client } = this.#transaction;
    const { owner, frameSet, force, file, claim } = this.#log;
    const stored = { frameSetId: this.frameSetId, isNew: true };
    const same = force
      ? undefined
      : await findSame(client, owner, this.frameSetId, summary.sha256, frameSet.optionsKey);
    if (same !== undefined) {
      await this.#transaction.rollback();
      return { frameSetId: same, isNew: false };
    }
    // Before the log is counted, because a file that it takes over counts already.
    if (claim !== undefined && !(await claim(stored, client)))
      throw new AppError('conflict', 'Another attempt at this log has taken the place of this one.');
    if (typeof file === 'object') {
      const sha256 = Buffer.from(summary.sha256);
      const staged = { ...file, sha256, size: summary.size, mediaType: LOG_MEDIA_TYPE };
      await this.#blobs.add([staged], this.#transaction);
    }
    await completeFrameSet(client, this.frameSetId, summary, file !== undefined);
    await this.#transaction.commit();
    return stored;
  }

  async abort(): Promise<void> {
    await this.#copy.abort();
    await this.#transaction.rollback();
  }
}
