/** A blob as rows name it. */
export interface BlobRef {
  /** 32 bytes. */
  sha256: Buffer;
  /** Bytes. */
  size: number;
}

/** A complete local file whose bytes are to become a blob. */
export interface StagedFile extends BlobRef {
  path: string;
  mediaType: string;
}

/** A range of bytes that includes `start` and excludes `end`. */
export interface ByteRange {
  start: number;
  end: number;
}

/** The transaction that adds a row naming a blob, or deletes the last one. */
export interface UnitOfWork {
  /** Registers work for when the transaction has ended. It is skipped if the outcome of the transaction is unknown. */
  whenEnded(work: (isCommitted: boolean) => Promise<void>): void;
}

/**
 * Permanent storage of bytes. Blobs are immutable and named by their SHA-256. The rows that name them decide which blobs exist and
 * who may see them (`BlobRegistry`).
 *
 * A store that keeps bytes in the database takes part in the transaction. Any other store uses `whenEnded`: it undoes a `put` that
 * was rolled back, and deletes bytes only after the transaction has been committed.
 */
export interface BlobStore<Transaction extends UnitOfWork = UnitOfWork> {
  /**
   * Stores the bytes of a blob that is new in this transaction, and leaves the staged file in place. Until the transaction ends,
   * nobody else puts or deletes equal bytes, but an earlier deletion may still be in progress.
   *
   * @throws Error if the file does not have the stated size
   */
  put(file: StagedFile, transaction: Transaction): Promise<void>;

  /**
   * Streams a range of a blob in chunks of at most 1 MiB. Between chunks it does not hold a database connection, so that a slow
   * reader costs nothing.
   *
   * @throws AppError `not_found` if the blob does not exist
   */
  read(sha256: Buffer, range?: ByteRange): AsyncIterable<Buffer>;

  /** Deletes the bytes of blobs that the transaction has deleted. */
  delete(sha256s: readonly Buffer[], transaction: Transaction): Promise<void>;
}
