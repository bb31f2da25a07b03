import type { ErrorCode, Fault } from '../../core/errors.ts';
import type { ImageLogOptions, ImageLogSummary } from '../csv/parser.ts';
import type { ValueRange } from '../rows/normalize.ts';
import type { ResampleKernel } from '../rows/resampler.ts';

/** How a log is read and resized: what the answer to the same bytes depends on. */
export interface IngestOptions extends Pick<ImageLogOptions, 'delimiter' | 'nullValues' | 'onError'> {
  /** Pixels of the resized rows. */
  width: number;
  kernel: ResampleKernel;
}

/** To the worker. Each `chunk` is answered with one `rows`, in order; `end` with `done`; any of them with `failed`. */
export type ToIngestWorker =
  | { type: 'start'; frameSetId: string; options: IngestOptions }
  | { type: 'chunk'; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'end' };

/** All that is known once a log is read. */
export interface IngestSummary extends ImageLogSummary {
  resizedRange: ValueRange;
  /** Of the file's bytes. */
  sha256: Uint8Array;
  /** Bytes of the file. */
  size: number;
}

/** From the worker. */
export type FromIngestWorker =
  /** Binary COPY rows that became complete, maybe none. `isFaulty`: a fault has failed the file. */
  | { type: 'rows'; copy: Uint8Array<ArrayBuffer>[]; isFaulty: boolean }
  | { type: 'done'; copy: Uint8Array<ArrayBuffer>[]; summary: IngestSummary }
  | { type: 'failed'; failure: { code: ErrorCode; detail: string; errors: readonly Fault[] } };
