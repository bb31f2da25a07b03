/** A complete local file whose bytes are to become a blob. */
export interface StagedFile {
  path: string;
  /** SHA-256 of its bytes, 32 bytes. */
  sha256: Buffer;
  /** Bytes. */
  size: number;
  mediaType: string;
}

/** A blob as rows name it. */
export interface BlobRef {
  /** 32 bytes. */
  sha256: Buffer;
  /** Bytes. */
  size: number;
}

/** A half-open range of bytes: `start` is the first one, `end` the one after the last. */
export interface ByteRange {
  start: number;
  end: number;
}

/** The transaction in which a row starts to name a blob, or the last row that names it goes. */
export interface UnitOfWork {
  /** Registers work for when the transaction has ended. It is left out if nobody can know how the transaction ended. */
  whenEnded(work: (isCommitted: boolean) => Promise<void>): void;
}

/**
 * Where bytes live for good. Blobs are immutable and named by their SHA-256. Which blobs there are, and who may see them, is
 * decided by the rows that name them (`BlobRegistry`), never here.
 *
 * A store that keeps bytes in the database takes part in the transaction. Any other store uses `whenEnded`: it takes back a
 * `put` that was rolled back, and deletes only what a committed transaction has deleted.
 */
export interface BlobStore<Transaction extends UnitOfWork = UnitOfWork> {
  /**
   * Stores the bytes of a blob that is new in this transaction. The staged file is left where it is. Until the transaction
   * ends, nobody else puts or deletes equal bytes; what a committed transaction deleted before may still be going.
   *
   * @throws Error if the file does not have the size that it should have
   */
  put(file: StagedFile, transaction: Transaction): Promise<void>;

  /**
   * Streams a range of a blob in chunks of at most 1 MiB, in order. Between chunks it holds no database connection, so that a
   * slow reader costs nothing.
   *
   * @throws AppError `not_found` if there is no such blob
   */
  read(sha256: Buffer, range?: ByteRange): AsyncIterable<Buffer>;

  /** Deletes the bytes of blobs that the transaction has deleted. */
  delete(sha256s: readonly Buffer[], transaction: Transaction): Promise<void>;
}
