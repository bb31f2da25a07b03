import { rm } from 'node:fs/promises';
import type { ImageLimits, ImageMetadata, SourceFile, TransformResult } from '../pictures/types.ts';
import type { TransformTask } from './pipeline.ts';
import { type PoolLog, type PoolStats, ProcessPool } from './pool.ts';
import type { TaskName, TaskPayload, TaskResult } from './tasks.ts';

export interface ImageEngineOptions {
  /** Image processes, each with one task at a time. */
  concurrency: number;
  /** Tasks that may wait for a process. */
  queue: number;
  /** Longest time that a task may run, in milliseconds. */
  timeoutMs: number;
  limits: ImageLimits;
  log?: PoolLog;
}

export interface EngineCallOptions {
  /** Takes the task out of the line, or ends the process that runs it. */
  signal?: AbortSignal | undefined;
}

/** Everything that decodes or encodes pictures, behind admission, time limits and processes of its own. */
export interface ImageEngine {
  readonly limits: ImageLimits;
  /**
   * Reads a picture's metadata and decodes it once in full, so that a truncated or corrupt one is refused.
   *
   * @throws AppError `undecodable_image`, `too_many_pixels`, and what `ProcessPool.run` throws
   */
  inspect(file: SourceFile, options?: EngineCallOptions): Promise<ImageMetadata>;
  /**
   * Runs a pipeline and writes its result to `outputPath`; on failure there is no file there.
   *
   * @throws AppError what the pipeline throws, and what `ProcessPool.run` throws
   */
  transform(task: Omit<TransformTask, 'limits'>, options?: EngineCallOptions): Promise<TransformResult>;
  /** Runs any other task of `tasks.ts`. */
  run<Name extends TaskName>(
    name: Name,
    payload: TaskPayload<Name>,
    options?: EngineCallOptions,
  ): Promise<TaskResult<Name>>;
  stats(): PoolStats;
  /** Hands back what waits, lets what runs end, then ends the processes. */
  close(): Promise<void>;
}

/** Starts the image processes. The caller closes the engine. */
export function createImageEngine(options: ImageEngineOptions): ImageEngine {
  const { limits, timeoutMs, concurrency, queue, log } = options;
  const pool = new ProcessPool({ concurrency, queue, ...(log === undefined ? {} : { log }) });
  const run: ImageEngine['run'] = (name, payload, { signal } = {}) =>
    pool.run(name, payload, { timeoutMs, signal });
  return {
    limits,
    inspect: (file, call) => run('inspect', { file, limits }, call),
    transform: async (task, call) => {
      try {
        return await run('transform', { ...task, limits }, call);
      } catch (error) {
        // The process is gone by now where it was killed, so that nobody writes the file again.
        await rm(task.outputPath, { force: true });
        throw error;
      }
    },
    run,
    stats: () => pool.stats(),
    close: () => pool.close(),
  };
}
