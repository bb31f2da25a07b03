import type { Outcome, Task } from './operation.ts';
import type { Work } from './work.ts';

/** The files that an attempt at work reads and writes. */
export type Attempt = Omit<Task, 'params' | 'limits'>;

export interface RunOptions {
  /** Estimated milliseconds of work. Cheap work does not wait for expensive work. */
  cost: number;
  /** Aborted when nobody waits for the work. */
  signal: AbortSignal;
}

/** Runs work, here or elsewhere. */
export interface Runner {
  /**
   * Makes one attempt. If it fails, it leaves no files at its output paths.
   *
   * @throws AppError what the operation throws; `overloaded` at once if the queue is full; `operation_timeout`;
   *   `decoder_crashed` if the process died by itself; `internal_error`, with the cause for the log
   * @throws the signal's reason, once the work has stopped
   */
  run(work: Work, attempt: Attempt, options: RunOptions): Promise<Outcome>;
}
