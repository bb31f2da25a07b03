import type { IngestSummary } from './messages.ts';

/** What became of a log. */
export interface StoredLog {
  frameSetId: string;
  /** False if the same log was there already; nothing of this one was kept then. */
  isNew: boolean;
}

/** Where the rows of one log go: any number of `write`s, then a `finish` that succeeds, or `abort`. */
export interface RowSink {
  /** The frame set that the rows name. */
  readonly frameSetId: string;
  /** Takes the next rows, as binary COPY has them between its header and its trailer; resolves when there is room for more. */
  write(rows: Uint8Array): Promise<void>;
  /** Keeps the rows, unless the same log is there already. If it fails, `abort` comes next. */
  finish(summary: IngestSummary): Promise<StoredLog>;
  /** Gives up all that was written, at once. Never fails. */
  abort(): Promise<void>;
}
