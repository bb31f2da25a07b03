import type { ErrorCode, Fault } from '../core/errors.ts';

/** From the pool to a process that has nothing to do. */
export interface TaskRequest {
  name: string;
  task: unknown;
}

/** An `AppError` as it crosses between processes. */
export interface PublicFailure {
  code: ErrorCode;
  detail: string;
  errors: readonly Fault[];
  retryAfter: number | undefined;
}

/** What came of a task. Any error but an `AppError` is for the log alone. */
export type Outcome = { result: unknown } | { failure: PublicFailure } | { error: Error };

/** From a process to the pool: that it can be given tasks, or the answer to one, with its resident memory in bytes. */
export type WorkerMessage = { isReady: true } | (Outcome & { rss: number });
