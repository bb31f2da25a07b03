import type { ErrorCode, Fault } from '../core/errors.ts';

/** A task, sent to a process that has nothing to do. */
export interface TaskRequest {
  id: number;
  name: string;
  payload: unknown;
}

/** An `AppError` as it crosses between processes. */
export interface PublicFailure {
  code: ErrorCode;
  detail: string;
  errors: readonly Fault[];
  retryAfter: number | undefined;
}

/** Any other error: its text is for the log alone. */
export interface InternalFailure {
  message: string;
  stack: string | undefined;
}

/** From an image process to the pool. `rss` is its resident memory in bytes. */
export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'done'; id: number; result: unknown; rss: number }
  | { type: 'failed'; id: number; failure: PublicFailure | InternalFailure; rss: number };

export type TaskAnswer = Extract<WorkerMessage, { type: 'done' | 'failed' }>;
