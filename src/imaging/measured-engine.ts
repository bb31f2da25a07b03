import type { ImageEngine } from './engine.ts';

/** Called after each task with how long it took, waiting included, and `ok` or the error's code. */
export type ObserveTask = (task: string, outcome: string, seconds: number) => void;

function outcomeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error && error.name === 'ClientGone' ? 'abandoned' : 'internal_error';
}

/** One operation by its name, several as `pipeline`: few enough names for a metric's label. */
function nameOf(operations: readonly { op: string }[]): string {
  const [first, ...others] = operations;
  if (first === undefined) return 'convert';
  return others.length === 0 ? first.op : 'pipeline';
}

/** The same engine, with every task observed. */
export function measureEngine(engine: ImageEngine, observe: ObserveTask): ImageEngine {
  async function measured<T>(task: string, work: Promise<T>): Promise<T> {
    const start = performance.now();
    const report = (outcome: string) => observe(task, outcome, (performance.now() - start) / 1000);
    try {
      const result = await work;
      report('ok');
      return result;
    } catch (error) {
      report(outcomeOf(error));
      throw error;
    }
  }
  return {
    ...engine,
    inspect: (file, options) => measured('inspect', engine.inspect(file, options)),
    transform: (task, options) => {
      return measured(nameOf(task.pipeline.operations), engine.transform(task, options));
    },
    run: (name, payload, options) => measured(name, engine.run(name, payload, options)),
  };
}
