import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Pipeline } from '../../src/manipulation/pipeline.ts';
import { OPERATIONS, OPERATIONS_BY_NAME } from '../../src/operations.ts';
import type { ImageLimits, SourceFile } from '../../src/pictures/types.ts';
import { type PoolOptions, type PoolStats, ProcessPool } from '../../src/processes/pool.ts';
import { LocalRunner } from '../../src/work/local-runner.ts';
import type { Outcome, Task } from '../../src/work/operation.ts';

export interface EngineOptions {
  concurrency: number;
  queue: number;
  timeoutMs: number;
  limits: ImageLimits;
  log?: NonNullable<PoolOptions['log']>;
}

export interface Engine {
  inspect(file: SourceFile, options?: { signal?: AbortSignal | undefined }): Promise<object>;
  transform(
    task: { source: SourceFile; pipeline: Pipeline; outputPath: string },
    options?: { signal?: AbortSignal | undefined },
  ): Promise<Outcome>;
  stats(): PoolStats;
  close(): Promise<void>;
}

/** Image processes and a runner over them, as the service opens them, without a database. */
export function createEngine({ limits, timeoutMs, ...options }: EngineOptions): Engine {
  const pool = new ProcessPool<Task, Outcome>({
    mainModule: new URL('../../src/image-worker.ts', import.meta.url),
    what: 'image operations',
    ...options,
  });
  const runner = new LocalRunner({
    operations: OPERATIONS_BY_NAME,
    pool,
    settings: {
      MAX_PIXELS: limits.maxPixels,
      MAX_TOTAL_PIXELS: limits.maxTotalPixels,
      MAX_OUTPUT_PIXELS: limits.maxOutputPixels,
      MAX_DECODE_BYTES: limits.maxDecodeBytes,
      OPERATION_TIMEOUT_MS: timeoutMs,
    },
    observe: () => undefined,
  });
  const nowhere = () => path.join(tmpdir(), `coreframe-test-${randomUUID()}`);
  const run = (
    { name, version }: { name: string; version: number },
    file: SourceFile,
    params: object,
    outputPath: string,
    signal = new AbortController().signal,
  ) =>
    runner.run(
      { operation: name, version, inputs: [{ type: 'staged_file', ...file }], params },
      {
        inputs: [{ ...file, documentPath: null, filename: path.basename(file.path) }],
        outputPath,
        documentPath: nowhere(),
      },
      { cost: 1, signal },
    );
  return {
    inspect: async (file, { signal } = {}) =>
      (await run(OPERATIONS.inspect, file, {}, nowhere(), signal)).result,
    transform: ({ source, pipeline, outputPath }, { signal } = {}) =>
      run(OPERATIONS.transform, source, pipeline, outputPath, signal),
    stats: () => pool.stats(),
    close: () => pool.close(),
  };
}
