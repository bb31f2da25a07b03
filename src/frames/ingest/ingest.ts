import type { IngestOptions } from './messages.ts';
import type { RowSink, StoredLog } from './row-sink.ts';
import { IngestSession } from './session.ts';
import type { IngestThread } from './threads.ts';

export interface IngestRun {
  thread: IngestThread;
  options: IngestOptions;
  /** Aborted when nobody waits for the log any more. */
  signal: AbortSignal;
}

/**
 * Streams a log through a thread into a sink, each at the pace of the next.
 *
 * @param bytes of the file. If they fail, so does the log; so a file that is too long is refused.
 * @throws AppError what is wrong with the file (see `ImageLogParser`); what `bytes` and the sink throw; the signal's reason.
 *   Nothing of the log is kept then.
 */
export async function ingestLog(
  bytes: AsyncIterable<Buffer>,
  sink: RowSink,
  { thread, options, signal }: IngestRun,
): Promise<StoredLog> {
  const session = new IngestSession(thread, bytes, { frameSetId: sink.frameSetId, options });
  const abort = () => session.fail(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  // It may have happened before anyone listened.
  if (signal.aborted) abort();
  try {
    const stored = await passRows(session, sink);
    return stored ?? (await failWithAllFaults(session));
  } finally {
    signal.removeEventListener('abort', abort);
    session.close();
  }
}

/** Gives all rows to the sink; undefined if the log has a fault, in which case the sink has already given up the rows. */
async function passRows(session: IngestSession, sink: RowSink): Promise<StoredLog | undefined> {
  try {
    for (;;) {
      const rows = await session.next();
      if (rows === undefined) return await sink.finish(session.summary);
      if (rows.isFaulty) break;
      for (const bytes of rows.copy) await sink.write(bytes);
    }
  } catch (error) {
    await sink.abort();
    throw error;
  }
  await sink.abort();
  return undefined;
}

/** Reads the rest of a log that has a fault, to count the others. */
async function failWithAllFaults(session: IngestSession): Promise<never> {
  while ((await session.next()) !== undefined);
  throw new Error('A log was found to have faults, and then none.');
}
