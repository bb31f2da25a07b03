import type { Outcome, Task } from './operation.ts';
import type { Work } from './work.ts';

/** Work with the files that it reads and writes. */
export type Attempt = Omit<Task, 'params' | 'limits'>;

/** Runs work, wherever that is. */
export interface Runner {
  /**
   * One attempt. If it fails, there is no file at its output paths.
   *
   * @throws AppError what the operation throws; `overloaded` at once if too much work waits; `operation_timeout`;
   *   `decoder_crashed` if the process died by itself; `internal_error`, with the cause for the log
   * @throws the signal's reason, once nothing works on it any more
   */
  run(work: Work, attempt: Attempt, signal: AbortSignal): Promise<Outcome>;
}
