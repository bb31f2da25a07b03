/**
 * Main module of an ingest thread. It reads one image log at a time and returns its rows as bytes for PostgreSQL, so that
 * the main thread only passes them on.
 */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { AppError } from '../../core/errors.ts';
import type { FrameBatch } from '../csv/batches.ts';
import { ImageLogParser } from '../csv/parser.ts';
import { maskStride } from '../rows/null-mask.ts';
import { createResampler } from '../rows/resample.ts';
import type { Resampler } from '../rows/resampler.ts';
import { CopyRowEncoder } from './copy-rows.ts';
import type { FromIngestWorker, IngestOptions, ToIngestWorker } from './messages.ts';

class Ingest {
  readonly #options: IngestOptions;
  readonly #parser: ImageLogParser;
  readonly #encoder: CopyRowEncoder;
  readonly #hash = createHash('sha256');
  #size = 0;
  #resampler: Resampler | undefined;

  constructor(frameSetId: string, options: IngestOptions) {
    this.#options = options;
    this.#parser = new ImageLogParser(options);
    this.#encoder = new CopyRowEncoder(frameSetId);
  }

  push(bytes: Uint8Array): FromIngestWorker {
    this.#hash.update(bytes);
    this.#size += bytes.length;
    const rows = this.#encode(this.#parser.push(bytes));
    return { type: 'rows', ...rows, isFaulty: this.#parser.failed };
  }

  end(): FromIngestWorker {
    const rows = this.#encode(this.#parser.end());
    const { resizedRange } = this.#encoder;
    const sha256 = this.#hash.digest();
    return {
      type: 'done',
      ...rows,
      summary: { ...this.#parser.summary(), resizedRange, sha256, size: this.#size },
    };
  }

  #encode(batches: readonly FrameBatch[]): { copy: Uint8Array<ArrayBuffer>[]; count: number } {
    const { width, kernel } = this.#options;
    const copy = batches.map((batch) => {
      this.#resampler ??= createResampler(batch.columns, width, kernel);
      const resized = {
        pixels: new Uint8Array(batch.count * width),
        nulls: batch.nulls ? new Uint8Array(batch.count * maskStride(width)) : null,
      };
      this.#resampler(batch, batch.count, resized);
      return this.#encoder.encode(batch, resized, width);
    });
    return { copy, count: batches.reduce((sum, batch) => sum + batch.count, 0) };
  }
}

let ingest: Ingest | undefined;

function answer(message: ToIngestWorker): FromIngestWorker | undefined {
  if (message.type === 'start') {
    ingest = undefined;
    ingest = new Ingest(message.frameSetId, message.options);
    return undefined;
  }
  // The log has failed, and this message was still in flight.
  if (ingest === undefined) return undefined;
  return message.type === 'chunk' ? ingest.push(message.bytes) : ingest.end();
}

parentPort?.on('message', (message: ToIngestWorker) => {
  try {
    const reply = answer(message);
    if (reply === undefined) return;
    const transfer = reply.type === 'failed' ? [] : reply.copy.map(({ buffer }) => buffer);
    parentPort?.postMessage(reply, transfer);
  } catch (error) {
    ingest = undefined;
    // An unexpected error ends the thread with an `error` event.
    if (!(error instanceof AppError)) throw error;
    const { code, detail, errors } = error;
    parentPort?.postMessage({ type: 'failed', failure: { code, detail, errors } } satisfies FromIngestWorker);
  }
});
