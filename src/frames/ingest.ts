import { randomUUID } from 'node:crypto';
import type { OwnerId } from '../auth/owner.ts';
import { type Database, withTransaction } from '../db/database.ts';
import { AppError } from '../errors.ts';
import type { FormFile } from '../http/multipart-form.ts';
import { FrameCopy } from './copy-stream.ts';
import type { IngestOptions } from './ingest-messages.ts';
import { IngestSession } from './ingest-session.ts';
import type { IngestThread } from './ingest-threads.ts';
import { completeFrameSet, findSame, insertFrameSet, type NewFrameSet } from './new-frame-set.ts';

/** Breaks a transaction off as soon as a row has a fault; the log is read on, to count the others. */
class FaultyLog extends Error {
  override readonly name = 'FaultyLog';
}

/** Breaks a transaction off whose rows are there already. */
class SameLog extends Error {
  override readonly name = 'SameLog';
  readonly frameSetId: string;

  constructor(frameSetId: string) {
    super('The same log is there already.');
    this.frameSetId = frameSetId;
  }
}

export interface IngestRequest {
  frameSet: NewFrameSet;
  options: IngestOptions;
  /** Store the log although it is there already. */
  force: boolean;
  file: FormFile;
  maxBytes: number;
  /** Resolves when nothing but the file was in the request, which is asked before anything is committed. */
  finishForm: () => Promise<void>;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

/** The file's bytes; they fail where there are too many, so that a log cut there is not taken for a faulty one. */
async function* readFile({ file, maxBytes }: IngestRequest): AsyncGenerator<Buffer> {
  yield* file.chunks;
  if (file.isTooLarge()) {
    throw new AppError('file_too_large', `The file is longer than the ${maxBytes} bytes that are accepted.`);
  }
}

/**
 * Streams a log into the database: file, thread, COPY, each at the pace of the next. It is one transaction, so that a log
 * is there whole or not at all.
 *
 * @returns the frame set's id, and whether it is new or was there already
 * @throws AppError what is wrong with the file; `file_too_large`, `database_unavailable`, `storage_unavailable`
 */
export async function ingestLog(
  database: Database,
  owner: OwnerId,
  thread: IngestThread,
  request: IngestRequest,
): Promise<{ id: string; isNew: boolean }> {
  const id = randomUUID();
  const { signal } = request;
  const session = new IngestSession(thread, readFile(request), {
    frameSetId: id,
    options: request.options,
  });
  const abort = () => session.fail(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await storeLog(database, owner, id, session, request);
    return { id, isNew: true };
  } catch (error) {
    if (error instanceof SameLog) return { id: error.frameSetId, isNew: false };
    if (error instanceof FaultyLog) throw await readFaults(session, request);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    session.close();
  }
}

async function storeLog(
  database: Database,
  owner: OwnerId,
  id: string,
  session: IngestSession,
  request: IngestRequest,
): Promise<void> {
  await withTransaction(
    database.pool,
    async (client) => {
      // An upload may take as long as its client does.
      await client.query('SET LOCAL statement_timeout = 0');
      await insertFrameSet(client, owner, id, request.frameSet);
      const copy = new FrameCopy(client);
      try {
        for (let rows = await session.next(); rows; rows = await session.next()) {
          if (rows.isFaulty) throw new FaultyLog();
          for (const bytes of rows.copy) await copy.write(bytes);
        }
        await request.finishForm();
        await copy.finish();
      } catch (error) {
        await copy.abort();
        throw error;
      }
      if (!request.force) {
        const same = await findSame(client, owner, id, session.summary.sha256, request.frameSet.optionsKey);
        if (same !== undefined) throw new SameLog(same);
      }
      await completeFrameSet(client, id, session.summary);
    },
    { attempts: 1 },
  );
}

/** The error that lists the faults of a log, of which nothing is stored by now. */
async function readFaults(session: IngestSession, request: IngestRequest): Promise<unknown> {
  try {
    while ((await session.next()) !== undefined);
    await request.finishForm();
  } catch (error) {
    return error;
  }
  return new Error('A log was found to have faults, and then none.');
}
