import type { OwnerId } from '../auth/owner.ts';
import { AppError } from '../core/errors.ts';
import { sanitizeFilename, stemOf } from '../core/filename.ts';
import type { Database } from '../db/database.ts';
import type { FrameSet } from '../db/generated/client.ts';
import type { Form, FormFile, FormLimits } from '../http/requests/multipart-form.ts';
import { compileNullValues } from './csv/null-values.ts';
import { ingestLog } from './ingest/ingest.ts';
import type { IngestOptions } from './ingest/messages.ts';
import { identifyOptions } from './ingest/new-frame-set.ts';
import { PostgresRowSink } from './ingest/postgres-row-sink.ts';
import type { IngestThreads } from './ingest/threads.ts';
import { delimiterOf, type UploadLogQuery } from './schemas.ts';
import type { FrameSettings } from './settings.ts';
import type { FrameSetStore } from './store.ts';

export interface LogUploadServices {
  database: Database;
  frameSets: FrameSetStore;
  threads: IngestThreads;
  settings: FrameSettings;
}

/** Maximum bytes of the form around the file. */
const FORM_BYTES = 64 * 1024;

export function logLimits({ MAX_CSV_BYTES }: FrameSettings): FormLimits {
  return { maxFileBytes: MAX_CSV_BYTES, maxRequestBytes: MAX_CSV_BYTES + FORM_BYTES, maxFiles: 1 };
}

function toIngestOptions(query: UploadLogQuery): IngestOptions {
  const nullValues = query.null_values
    .flatMap((values) => values.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
  compileNullValues(nullValues);
  return {
    delimiter: query.delimiter === undefined ? undefined : delimiterOf(query.delimiter),
    nullValues,
    onError: query.on_error,
    width: query.width,
    kernel: query.kernel,
  };
}

/**
 * The file's bytes. They end after the form, so that nothing of an incomplete body is kept. A file that is too long fails, so
 * that its cut end is not reported as a fault of a row.
 */
async function* readFile(
  form: Form,
  file: FormFile,
  maxBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  yield* file.chunks;
  if (file.isTooLarge()) {
    throw new AppError('file_too_large', `The file is larger than the maximum of ${maxBytes} bytes.`);
  }
  await form.next();
}

/**
 * Receives one image log and stores it. It is streamed without a temporary file, and becomes visible when it is complete.
 *
 * @param form with one file; it is closed at the end
 * @param signal aborted when the client disconnects
 * @throws AppError what the form and `ingestLog` throw; `file_too_large`, `overloaded`
 */
export async function uploadLog(
  owner: OwnerId,
  query: UploadLogQuery,
  form: Form,
  { database, frameSets, threads, settings }: LogUploadServices,
  signal: AbortSignal,
): Promise<{ frameSet: FrameSet; isNew: boolean }> {
  try {
    const options = toIngestOptions(query);
    // Before it takes a place, because a client may send nothing for long.
    const { value: file } = await form.next();
    if (!file) throw new Error('The form has no file.');
    const stored = await threads.use(signal, async (thread) => {
      const filename = sanitizeFilename(file.filename, 'image-log.csv');
      const frameSet = {
        name: query.name ?? stemOf(filename),
        filename,
        depthUnit: query.depth_unit,
        ...identifyOptions(options),
      };
      const sink = await PostgresRowSink.open(database.pool, { owner, frameSet, force: query.force });
      const bytes = readFile(form, file, settings.MAX_CSV_BYTES);
      return ingestLog(bytes, sink, { thread, options, signal });
    });
    return { frameSet: await frameSets.get(owner, stored.frameSetId), isNew: stored.isNew };
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') {
      throw new AppError('conflict', 'The same log was deleted during the upload; try again.');
    }
    throw error;
  } finally {
    await form.return();
  }
}
