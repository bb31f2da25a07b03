import type { ClientBase, QueryResultRow } from 'pg';

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

/**
 * SQL that inserts a row that names blobs. In it `$1`, `$2` and `$3` are the first one's SHA-256, size and media type; `values`
 * are those from `$4` on.
 */
export interface NamingStatement {
  /** Of the prepared statement. */
  name: string;
  /** What comes after `WITH`: a list of common table expressions, and the main query. */
  text: string;
  values: readonly unknown[];
}

/**
 * Where bytes live for good. Blobs are immutable and named by their SHA-256; who may see one is decided by the rows
 * that name it, never here.
 */
export interface BlobStore {
  /**
   * Makes the staged file's bytes a blob, within the caller's transaction: they become visible together with the row
   * that the caller inserts. Equal bytes are stored once. The blob row is locked against deletion until the
   * transaction ends. The staged file is left where it is.
   */
  commit(transaction: ClientBase, file: StagedFile): Promise<void>;

  /**
   * Makes the staged files' bytes blobs and runs the statement that inserts the row that names them, as one transaction. For
   * one small file it takes one round trip, where `commit` in a transaction takes four.
   *
   * @returns the rows of the statement
   * @throws what the database throws for the statement; nothing is stored then
   */
  commitNamed<Row extends QueryResultRow>(
    files: readonly [StagedFile, ...StagedFile[]],
    statement: NamingStatement,
  ): Promise<Row[]>;

  /**
   * Streams a range of a blob in chunks of at most 1 MiB, in order. No database connection is held between chunks,
   * so that a slow reader costs nothing.
   *
   * @throws AppError `not_found` where no such blob exists
   */
  read(sha256: Buffer, range?: ByteRange): AsyncIterable<Buffer>;

  /**
   * Deletes those of the given blobs that no row names any more, within the caller's transaction, after the caller
   * has deleted its own rows. Safe against a simultaneous commit of equal bytes.
   */
  deleteUnreferenced(transaction: ClientBase, sha256s: readonly Buffer[]): Promise<void>;
}
