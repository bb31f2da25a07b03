import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { BlobRef } from '../../blobs/blob-store.ts';
import type { DiskCache } from '../../blobs/disk-cache.ts';
import { AppError } from '../../core/errors.ts';
import { actInBackground } from '../../processes/client.ts';
import { jsonFrame } from '../../system/byte-frames.ts';
import { removeFile } from '../../system/remove-file.ts';
import type { OpenedInputs } from '../../work/inputs.ts';
import { openFiles } from '../../work/open-files.ts';
import type { Outcome } from '../../work/operation.ts';
import type { Runner } from '../../work/runner.ts';
import type { ItemHandler } from '../queue/lane-worker.ts';
import { type BlobBody, blobsOf, type PictureTask, type ResultBody } from '../remote/protocol.ts';
import { type ApiClient, ApiUnavailable, AttemptOver } from './api-client.ts';
import type { RemoteInputs } from './remote-inputs.ts';
import type { RemoteItem } from './remote-queue.ts';

export interface PictureHandlerOptions {
  api: ApiClient;
  runner: Runner;
  cache: DiskCache;
  inputs: RemoteInputs;
  /** An unused path for a result. */
  newPath(): string;
}

/** Pauses between attempts to send a result, in milliseconds. The last one is repeated. */
const PAUSES_MS = [500, 1_000, 2_000, 5_000];

/** Fetches the inputs of an item, works on them as the API would, and sends the result. */
export function pictureHandler(options: PictureHandlerOptions): ItemHandler<RemoteItem, never> {
  const { api, runner, newPath } = options;
  return (item, { signal }) =>
    actInBackground(`jobs of ${item.owner}`, async () => {
      const task = taskOf(item);
      const [outputPath, documentPath] = [newPath(), newPath()];
      const opened = await openInputs(item, task, options);
      try {
        const files = { inputs: opened.files, outputPath, documentPath };
        const outcome = await runner.run(task.work, files, { cost: task.cost, signal });
        await sendUntilHeard(signal, async () =>
          api.stream(item.token, '/result', await resultOf(task, outcome, outputPath, documentPath), signal),
        );
      } finally {
        opened.release();
        await Promise.all([outputPath, documentPath].map(removeFile));
      }
      return undefined;
    });
}

/**
 * Sends again and again while the API is away. Meanwhile the lease is renewed, or is lost.
 *
 * @throws AppError `conflict` if the attempt no longer holds its item
 */
export async function sendUntilHeard(signal: AbortSignal, send: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      if (await send()) return;
      throw new AppError('conflict', 'The attempt no longer holds its item.');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AttemptOver)
        throw new AppError('conflict', 'The attempt no longer holds its item.', { cause: error });
      if (!(error instanceof ApiUnavailable)) throw error;
      const pause = PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)];
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function taskOf({ task }: RemoteItem): PictureTask {
  if (!('picture' in task)) throw new Error('The item is not about a picture.');
  return task.picture;
}

/** Opens the inputs, which are fetched with the token of this item or of another one that may read them. */
async function openInputs(
  item: RemoteItem,
  { inputs }: PictureTask,
  { cache, inputs: remote }: PictureHandlerOptions,
): Promise<OpenedInputs> {
  const forget = remote.allow(item, blobsOf(inputs));
  try {
    const described = inputs.map(({ content, document, ...input }) => ({
      ...input,
      content: content && toBlobRef(content),
      document: document && toBlobRef(document),
    }));
    return await openFiles(cache, described);
  } finally {
    forget();
  }
}

function toBlobRef({ sha256, size }: BlobBody): BlobRef {
  return { sha256: Buffer.from(sha256, 'hex'), size };
}

/** Results up to this size are sent in one piece, which takes 2 ms less than a stream. */
const ONE_PIECE_BYTES = 1024 * 1024;

/** A `ResultBody` as a frame, then the bytes of the content and of the document. */
async function resultOf(
  { work }: PictureTask,
  { result, content, document }: Outcome,
  outputPath: string,
  documentPath: string,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  if (content === undefined) throw new Error(`${work.operation} did not write a file.`);
  const body: ResultBody = { work, outcome: { result, content, ...(document ? { document } : {}) } };
  const paths = document ? [outputPath, documentPath] : [outputPath];
  if (content.size + (document?.size ?? 0) > ONE_PIECE_BYTES) return streamOf(jsonFrame(body), paths);
  return Buffer.concat([jsonFrame(body), ...(await Promise.all(paths.map((path) => readFile(path))))]);
}

async function* streamOf(frame: Buffer, paths: readonly string[]): AsyncGenerator<Uint8Array> {
  yield frame;
  for (const path of paths)
    yield* createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
}
