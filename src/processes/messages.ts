import type { AppError } from '../core/errors.ts';

/** Sent by the pool to an idle process. */
export interface TaskRequest {
  name: string;
  task: unknown;
}

/** An `AppError` as it is sent between processes. */
type PublicFailure = Pick<AppError, 'code' | 'detail' | 'errors' | 'retryAfter'>;

/** The outcome of a task. Any error but an `AppError` is only for the log. */
export type Outcome = { result: unknown } | { failure: PublicFailure } | { error: Error };

/** Sent by a process to the pool: it is ready for tasks, or the outcome of one, with its resident memory in bytes. */
export type WorkerMessage = { isReady: true } | (Outcome & { rss: number });
