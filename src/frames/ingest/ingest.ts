import type { IngestOptions, IngestSummary } from './messages.ts';
import { IngestSession } from './session.ts';
import type { IngestThread } from './threads.ts';

export interface StoredLog {
  frameSetId: string;
  /** False if the same log existed already; then nothing of the new one is kept. */
  isNew: boolean;
}

/** Stores the rows of one log: any number of calls of `write`, then a `finish` that succeeds, or `abort`. */
export interface RowSink {
  /** The frame set that the rows belong to. */
  readonly frameSetId: string;
  /** Takes rows of a binary COPY, without its header and trailer; resolves when there is room for more. */
  write(rows: Uint8Array): Promise<void>;
  /** Keeps the rows unless the same log exists already. If it fails, call `abort`. */
  finish(summary: IngestSummary): Promise<StoredLog>;
  /** Discards all rows. Never fails. */
  abort(): Promise<void>;
}

export interface IngestRun {
  thread: IngestThread;
  options: IngestOptions;
  /** Aborted when the client has disconnected. */
  signal: AbortSignal;
  /** Called with the number of rows that have been written so far. */
  onProgress?: (rows: number) => void;
}

/**
 * Streams a log through a thread into a sink, with backpressure. If it fails, nothing of the log is kept.
 *
 * @throws AppError the fault of the file (see `ImageLogParser`); what `bytes` and the sink throw; the signal's reason
 */
export async function ingestLog(
  bytes: AsyncIterable<Buffer>,
  sink: RowSink,
  { thread, options, signal, onProgress }: IngestRun,
): Promise<StoredLog> {
  const session = new IngestSession(thread, bytes, { frameSetId: sink.frameSetId, options });
  const abort = () => session.fail(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  // It may have been aborted before the listener was added.
  if (signal.aborted) abort();
  try {
    return await passRows(session, sink, onProgress);
  } finally {
    signal.removeEventListener('abort', abort);
    session.close();
  }
}

async function passRows(
  session: IngestSession,
  sink: RowSink,
  onProgress: IngestRun['onProgress'],
): Promise<StoredLog> {
  let written = 0;
  try {
    for (;;) {
      const rows = await session.next();
      if (rows === undefined) return await sink.finish(session.summary);
      if (rows.isFaulty) break;
      for (const bytes of rows.copy) await sink.write(bytes);
      written += rows.count;
      onProgress?.(written);
    }
  } catch (error) {
    await sink.abort();
    throw error;
  }
  await sink.abort();
  // The rest is read to count all faults; its end throws.
  while ((await session.next()) !== undefined);
  throw new Error('A log with faults was read without a failure.');
}
