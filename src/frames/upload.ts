import { type FileHandle, open } from 'node:fs/promises';
import type { OwnerId } from '../auth/owner.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { BlobRegistry } from '../blobs/postgres/blob-registry.ts';
import { AppError } from '../core/errors.ts';
import { sanitizeFilename, stemOf } from '../core/filename.ts';
import type { Database } from '../db/database.ts';
import type { Form, FormFile, FormLimits } from '../http/requests/multipart-form.ts';
import type { Admission } from '../processes/admission.ts';
import { removeFile } from '../system/remove-file.ts';
import type { TemporaryFolder } from '../system/temporary-folder.ts';
import { delimiterNamed } from './csv/delimiters.ts';
import { compileNullValues } from './csv/null-values.ts';
import { ingestLog, type StoredLog } from './ingest/ingest.ts';
import type { IngestOptions } from './ingest/messages.ts';
import { identifyOptions, type NewFrameSet } from './ingest/new-frame-set.ts';
import { PostgresRowSink } from './ingest/postgres-row-sink.ts';
import type { IngestThreads } from './ingest/threads.ts';
import type { UploadLogQuery } from './schemas.ts';
import type { FrameSettings } from './settings.ts';

export interface LogUploadServices {
  database: Database;
  blobs: BlobRegistry;
  /** Holds files that are kept, until they are stored. */
  temporaryFolder: TemporaryFolder;
  threads: IngestThreads;
  settings: FrameSettings;
  /** Bounds the uploads that are received to be read later. */
  admission: Admission;
  blobStore: BlobStore;
}

/** Gives the options of an upload, with those that the form has before the file. */
export type ReadOptions = (fields: FormFile['fields']) => UploadLogQuery;

/** Maximum bytes of the form around the file. */
const FORM_BYTES = 64 * 1024;

export function logLimits({ MAX_CSV_BYTES }: FrameSettings): FormLimits {
  return { maxFileBytes: MAX_CSV_BYTES, maxRequestBytes: MAX_CSV_BYTES + FORM_BYTES, maxFiles: 1 };
}

export function toIngestOptions(query: UploadLogQuery): IngestOptions {
  const nullValues = query.null_values
    .flatMap((values) => values.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
  compileNullValues(nullValues);
  return {
    delimiter: query.delimiter === undefined ? undefined : delimiterNamed(query.delimiter),
    depthColumn: query.depth_column,
    nullValues,
    onError: query.on_error,
    width: query.width,
    kernel: query.kernel,
  };
}

export const toLogName = (file: FormFile) => sanitizeFilename(file.filename, 'image-log.csv');

export function newFrameSet(filename: string, query: UploadLogQuery, options: IngestOptions): NewFrameSet {
  const { name = stemOf(filename), depth_unit: depthUnit } = query;
  return { name, filename, depthUnit, ...identifyOptions(options) };
}

/**
 * The file's bytes. They end after the form, so that nothing of an incomplete body is kept. A file that is too long fails, so
 * that its cut end is not reported as a fault of a row.
 *
 * @param copy where the bytes are written, too
 */
export async function* readFile(
  form: Form,
  file: FormFile,
  maxBytes: number,
  copy: FileHandle | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of file.chunks) {
    await copy?.writeFile(chunk);
    yield chunk;
  }
  if (file.isTooLarge()) {
    throw new AppError('file_too_large', `The file is larger than the maximum of ${maxBytes} bytes.`);
  }
  await form.next();
}

/**
 * The options of a form and its file, of which nothing has been read. A place is taken only afterwards, because a client may send
 * nothing for long.
 */
export async function readForm(readOptions: ReadOptions, form: Form) {
  // Options in the query are checked before the form is read.
  toIngestOptions(readOptions({}));
  const { value: file } = await form.next();
  if (!file) throw new Error('The form has no file.');
  const query = readOptions(file.fields);
  return { file, query, options: toIngestOptions(query) };
}

/**
 * Receives one image log and stores it. It is streamed, and becomes visible when it is complete. If its file is kept, the bytes are also
 * written to a temporary file, because they cannot be stored before their hash is known.
 *
 * @param form with one file; it is closed at the end
 * @param signal aborted when the client disconnects
 * @throws AppError what the form and `ingestLog` throw; `file_too_large`, `overloaded`
 */
export async function uploadLog(
  owner: OwnerId,
  readOptions: ReadOptions,
  form: Form,
  { database, blobs, temporaryFolder, threads, settings }: LogUploadServices,
  signal: AbortSignal,
): Promise<StoredLog> {
  try {
    const { file, query, options } = await readForm(readOptions, form);
    return await threads.use(signal, async (thread) => {
      const frameSet = newFrameSet(toLogName(file), query, options);
      const path = settings.KEEP_LOG_FILES ? temporaryFolder.newPath() : undefined;
      const copy = path === undefined ? undefined : await open(path, 'wx', 0o600);
      try {
        const log = { owner, frameSet, force: query.force, file: path === undefined ? undefined : { path } };
        const sink = await PostgresRowSink.open(database.pool, log, blobs);
        const bytes = readFile(form, file, settings.MAX_CSV_BYTES, copy);
        return await ingestLog(bytes, sink, { thread, options, signal });
      } finally {
        // On a full disk, closing may fail like writing.
        await copy?.close().catch(() => undefined);
        if (path !== undefined) await removeFile(path);
      }
    });
  } finally {
    await form.return();
  }
}
