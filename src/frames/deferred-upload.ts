import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { ClientBase } from 'pg';
import type { OwnerId } from '../auth/owner.ts';
import type { BlobRef, StagedFile } from '../blobs/blob-store.ts';
import type { Form } from '../http/requests/multipart-form.ts';
import { actInBackground } from '../processes/client.ts';
import { removeFile } from '../system/remove-file.ts';
import { ingestLog, type StoredLog } from './ingest/ingest.ts';
import { type LogProgress, ProgressReport } from './ingest/log-progress.ts';
import type { IngestOptions } from './ingest/messages.ts';
import { LOG_MEDIA_TYPE, type NewLog, PostgresRowSink } from './ingest/postgres-row-sink.ts';
import { copyRows, type RowFrames } from './ingest/remote-rows.ts';
import type { UploadLogQuery } from './schemas.ts';
import {
  type LogUploadServices,
  newFrameSet,
  type ReadOptions,
  readFile,
  readForm,
  toIngestOptions,
  toLogName,
} from './upload.ts';

/** The options of an upload with their defaults, and the name of the file. */
type LogParameters = UploadLogQuery & { filename: string };

/** An image log that has been received and not been read. */
export interface ReceivedLog {
  parameters: LogParameters;
  file: StagedFile;
}

/**
 * Receives one image log as a file, to be read later.
 *
 * @param form with one file; it is closed at the end
 * @param use is given the file, which is removed afterwards
 * @throws AppError what the form throws; `file_too_large`, `overloaded`
 */
export async function receiveLog<T>(
  readOptions: ReadOptions,
  form: Form,
  { admission, temporaryFolder, settings }: LogUploadServices,
  signal: AbortSignal,
  use: (log: ReceivedLog) => Promise<T>,
): Promise<T> {
  try {
    const { file, query } = await readForm(readOptions, form);
    return await admission.run(signal, async () => {
      const path = temporaryFolder.newPath();
      try {
        const staged = await writeFile(path, (copy) => readFile(form, file, settings.MAX_CSV_BYTES, copy));
        return await use({ parameters: { filename: toLogName(file), ...query }, file: staged });
      } finally {
        await removeFile(path);
      }
    });
  } finally {
    await form.return();
  }
}

/** @param read writes the bytes to the file and gives them */
async function writeFile(
  path: string,
  read: (file: FileHandle) => AsyncIterable<Buffer>,
): Promise<StagedFile> {
  const hash = createHash('sha256');
  let size = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of read(file)) {
      hash.update(chunk);
      size += chunk.length;
    }
  } finally {
    // On a full disk, closing may fail like writing.
    await file.close().catch(() => undefined);
  }
  return { path, sha256: hash.digest(), size, mediaType: LOG_MEDIA_TYPE };
}

interface ReadContext {
  signal: AbortSignal;
  report(progress: LogProgress): Promise<void>;
  /**
   * Ends the attempt in the transaction that stores the log.
   *
   * @returns false if another attempt has taken its place
   */
  succeed(stored: StoredLog, client: ClientBase): Promise<boolean>;
}

/**
 * Reads a log that was received before from its blob, and stores it.
 *
 * @param parameters of `receiveLog`
 * @returns the frame set; if `isNew`, `succeed` was called
 * @throws AppError what `ingestLog` throws; `overloaded`; `conflict` if `succeed` gave false
 */
export async function readReceivedLog(
  owner: OwnerId,
  parameters: object,
  { sha256, size }: BlobRef,
  { database, blobs, blobStore, threads, settings }: LogUploadServices,
  { signal, report, succeed }: ReadContext,
): Promise<StoredLog> {
  // Only `receiveLog` makes them.
  const received = parameters as LogParameters;
  const options = toIngestOptions(received);
  const progress = new ProgressReport(report, size);
  return actInBackground(`jobs of ${owner}`, () =>
    threads.use(signal, async (thread) => {
      const log = toNewLog(owner, received, settings, async (stored, client) => {
        await progress.end();
        return succeed(stored, client);
      });
      const sink = await PostgresRowSink.open(database.pool, log, blobs);
      return ingestLog(progress.count(blobStore.read(sha256)), sink, {
        thread,
        options,
        signal,
        onProgress: (rows) => progress.note(rows),
      });
    }),
  );
}

/** The options with which a log that was received is read. */
export function readReceivedOptions(parameters: object): IngestOptions {
  // Only `receiveLog` makes them.
  return toIngestOptions(parameters as LogParameters);
}

/**
 * Stores a log that was received before, and that somebody else reads.
 *
 * @param file that the rows were read from
 * @param frameSetId of all rows
 * @param frames as `copyRows` reads them
 * @param succeed as for `readReceivedLog`
 * @returns the frame set; if `isNew`, `succeed` was called
 * @throws AppError `malformed_request` if rows or the summary are not valid; `conflict` if `succeed` gave false
 */
export async function storeReceivedRows(
  owner: OwnerId,
  parameters: object,
  file: BlobRef,
  frameSetId: string,
  frames: RowFrames,
  { database, blobs, settings }: LogUploadServices,
  succeed: ReadContext['succeed'],
): Promise<StoredLog> {
  // Only `receiveLog` makes them.
  const received = parameters as LogParameters;
  const log = toNewLog(owner, received, settings, succeed);
  const sink = await PostgresRowSink.open(database.pool, log, blobs, frameSetId);
  return copyRows(frames, file, received.width, sink);
}

/** The log that is stored of one that was received. Its file is a blob already. */
function toNewLog(
  owner: OwnerId,
  { filename, ...query }: LogParameters,
  { KEEP_LOG_FILES }: LogUploadServices['settings'],
  claim: ReadContext['succeed'],
): NewLog {
  return {
    owner,
    frameSet: newFrameSet(filename, query, toIngestOptions(query)),
    force: query.force,
    file: KEEP_LOG_FILES ? 'stored' : undefined,
    claim,
  };
}
