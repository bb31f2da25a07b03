import { imageLimits, type PictureSettings } from '../pictures/settings.ts';
import { removeFile } from '../system/remove-file.ts';
import type { Operation, Outcome, Task } from './operation.ts';
import type { Attempt, Runner, RunOptions } from './runner.ts';
import type { WorkSettings } from './settings.ts';
import type { Work } from './work.ts';

/** Called after each attempt with `ok` or the error's code, and its duration including the wait. */
type ObserveWork = (operation: string, outcome: string, seconds: number) => void;

interface LocalRunnerOptions {
  operations: ReadonlyMap<string, Operation>;
  pool: {
    run(name: string, task: Task, options: RunOptions & { timeoutMs: number }): Promise<Outcome>;
  };
  settings: PictureSettings & Pick<WorkSettings, 'OPERATION_TIMEOUT_MS'>;
  observe: ObserveWork;
}

/** Runs work in the image processes of this machine, and light work in this process. */
export class LocalRunner implements Runner {
  readonly #options: LocalRunnerOptions;

  constructor(options: LocalRunnerOptions) {
    this.#options = options;
  }

  async run(work: Work, attempt: Attempt, options: RunOptions): Promise<Outcome> {
    const { operations, settings, observe } = this.#options;
    const operation = operations.get(work.operation);
    if (operation === undefined) throw new Error(`The operation ${work.operation} does not exist.`);
    const task = { ...attempt, params: work.params, limits: imageLimits(settings) };
    const label = operation.label(work.params);
    const start = performance.now();
    const report = (outcome: string) => observe(label, outcome, (performance.now() - start) / 1000);
    try {
      const outcome = await this.#runTask(operation, task, options);
      report('ok');
      return outcome;
    } catch (error) {
      report(outcomeOf(error));
      // A killed process has ended by now, so nobody writes the files again.
      await Promise.all([task.outputPath, task.documentPath].map((path) => removeFile(path)));
      throw error;
    }
  }

  async #runTask(operation: Operation, task: Task, options: RunOptions): Promise<Outcome> {
    const { pool, settings } = this.#options;
    if (!operation.isLight(task.params))
      return pool.run(operation.name, task, {
        ...options,
        timeoutMs: settings.OPERATION_TIMEOUT_MS,
      });
    options.signal.throwIfAborted();
    const runTask = await operation.load();
    return runTask(task);
  }
}

function outcomeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error && error.name === 'ClientGone' ? 'abandoned' : 'internal_error';
}
