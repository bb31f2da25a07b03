import type { ErrorCode, Fault } from '../core/errors.ts';

/** A task, to be done after those that came before. */
export interface TaskRequest {
  type: 'task';
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

/** From the pool to an image process. A task that is recalled is not to be started; one that has been started goes on. */
export type PoolMessage = TaskRequest | { type: 'recall'; id: number };

/** From an image process to the pool. `rss` is its resident memory in bytes. */
export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'recalled'; id: number }
  | { type: 'done'; id: number; result: unknown; rss: number }
  | { type: 'failed'; id: number; failure: PublicFailure | InternalFailure; rss: number };

export type TaskAnswer = Extract<WorkerMessage, { type: 'done' | 'failed' }>;
