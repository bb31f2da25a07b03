import { ingestLog, type RowSink, type StoredLog } from './ingest.ts';
import { type LogProgress, ProgressReport } from './log-progress.ts';
import type { IngestOptions, IngestSummary } from './messages.ts';
import { END_OF_ROWS, rowFrame, summaryFrame } from './remote-rows.ts';
import type { IngestThread } from './threads.ts';

export interface RemoteLog {
  frameSetId: string;
  /** As the API has read them from the request. */
  options: object;
  /** Bytes of the file. */
  size: number;
}

export interface RemoteLogContext {
  signal: AbortSignal;
  report(progress: LogProgress): Promise<void>;
  /** The bytes of the file. */
  read(): AsyncIterable<Buffer>;
  /** Sends rows to be stored. @returns whether that has ended the item */
  send(rows: AsyncIterable<Uint8Array>): Promise<boolean>;
}

/**
 * Reads a log whose rows are stored elsewhere.
 *
 * @returns whether they were stored, and the item has ended
 * @throws AppError what `ingestLog` throws; what `send` throws
 */
export async function readRemoteLog(
  { frameSetId, options, size }: RemoteLog,
  thread: IngestThread,
  { signal, report, read, send }: RemoteLogContext,
): Promise<boolean> {
  const progress = new ProgressReport(report, size);
  const rows = new RowStream(frameSetId, () => progress.end());
  const sent = send(rows.frames());
  // A refusal ends the reading, too.
  sent.catch((error) => rows.fail(error));
  await ingestLog(progress.count(read()), rows, {
    thread,
    // The API has made them of a request that it has checked.
    options: options as IngestOptions,
    signal,
    onProgress: (count) => progress.note(count),
  });
  return sent;
}

/** A sink whose rows are read as a stream of frames, at the pace of the reader. */
class RowStream implements RowSink {
  readonly frameSetId: string;
  readonly #onEnd: () => Promise<void>;
  readonly #pipe = new TransformStream<Uint8Array, Uint8Array>();
  readonly #writer = this.#pipe.writable.getWriter();

  constructor(frameSetId: string, onEnd: () => Promise<void>) {
    this.frameSetId = frameSetId;
    this.#onEnd = onEnd;
    this.#writer.closed.catch(() => undefined);
  }

  async *frames(): AsyncGenerator<Uint8Array> {
    yield* this.#pipe.readable as unknown as AsyncIterable<Uint8Array>;
  }

  async write(rows: Uint8Array): Promise<void> {
    if (rows.length === 0) return;
    for (const part of rowFrame(rows)) await this.#writer.write(part);
  }

  async finish(summary: IngestSummary): Promise<StoredLog> {
    await this.#onEnd();
    await this.#writer.write(END_OF_ROWS);
    await this.#writer.write(summaryFrame(summary));
    await this.#writer.close();
    return { frameSetId: this.frameSetId, isNew: true };
  }

  async abort(): Promise<void> {
    await this.#writer.abort(new Error('The log was not read to its end.')).catch(() => undefined);
  }

  /** Whoever reads the rows has given up. */
  fail(reason: unknown): void {
    void this.#writer.abort(reason).catch(() => undefined);
  }
}
