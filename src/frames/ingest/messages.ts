import type { ErrorCode, Fault } from '../../core/errors.ts';
import type { ImageLogOptions, ImageLogSummary } from '../csv/parser.ts';
import type { ValueRange } from '../rows/normalize.ts';
import type { ResampleKernel } from '../rows/resampler.ts';

/** How a log is read and resized: equal bytes with equal options make equal frames. */
export interface IngestOptions
  extends Pick<ImageLogOptions, 'delimiter' | 'depthColumn' | 'nullValues' | 'onError'> {
  /** Pixels of the resized rows. */
  width: number;
  kernel: ResampleKernel;
}

/** To the worker. Each `chunk` is answered with `rows`, in order, and `end` with `done`; both may be answered with `failed`. */
export type ToIngestWorker =
  | { type: 'start'; frameSetId: string; options: IngestOptions }
  | { type: 'chunk'; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'end' };

/** What is known of a log and its file once it is read. */
export interface IngestSummary extends ImageLogSummary {
  resizedRange: ValueRange;
  /** Of the file. */
  sha256: Uint8Array;
  /** Bytes of the file. */
  size: number;
}

/** From the worker. */
export type FromIngestWorker =
  /** Complete rows of a binary COPY, possibly none, and their number. `isFaulty`: a fault has failed the file, and no more rows follow. */
  | { type: 'rows'; copy: Uint8Array<ArrayBuffer>[]; count: number; isFaulty: boolean }
  | { type: 'done'; copy: Uint8Array<ArrayBuffer>[]; count: number; summary: IngestSummary }
  | { type: 'failed'; failure: { code: ErrorCode; detail: string; errors: readonly Fault[] } };
