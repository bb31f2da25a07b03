import { writeFileSync } from 'node:fs';
import { AppError } from '../core/errors.ts';
import type { Outcome, TaskRequest, WorkerMessage } from './messages.ts';

export interface TaskServerOptions<Task> {
  /** Loads the code that nearly every task needs, before the first one arrives. */
  prepare(): Promise<unknown>;
  run(name: string, task: Task): Promise<unknown>;
}

/** A process that has been idle for this long frees the memory of its last tasks… */
const IDLE_MS = 200;
/** …if their buffers take more bytes than this. */
const KEPT_BUFFERS = 16 * 1024 * 1024;

/** Makes this process a member of a pool. It runs one task after another, and may be killed at any moment. */
export async function serveTasks<Task>({ prepare, run }: TaskServerOptions<Task>): Promise<void> {
  let isBusy = false;
  let idleTimer: NodeJS.Timeout | undefined;

  // A terminal's Ctrl-C and a service manager's SIGTERM reach the whole process group, but the pool decides when to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

  // The parent has gone. An orderly exit would wait for libuv's threads, which may be busy for minutes.
  process.on('disconnect', () => {
    if (isBusy) process.kill(process.pid, 'SIGKILL');
    process.exit();
  });

  process.on('message', async ({ name, task }: TaskRequest & { task: Task }) => {
    isBusy = true;
    clearTimeout(idleTimer);
    try {
      answer({ result: await run(name, task) });
    } catch (error) {
      answer(toFailure(error));
    }
    isBusy = false;
    idleTimer = setTimeout(freeMemory, IDLE_MS);
  });

  try {
    // If memory runs out, Linux should end this process, not the API or the database.
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // This is not Linux, or it is not allowed.
  }

  await prepare();
  send({ isReady: true });
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

function answer(outcome: Outcome): void {
  send({ ...outcome, rss: process.memoryUsage.rss() });
}

function toFailure(error: unknown): Outcome {
  if (error instanceof AppError) {
    const { code, detail, errors, retryAfter } = error;
    return { failure: { code, detail, errors, retryAfter } };
  }
  return { error: error instanceof Error ? error : new Error(String(error)) };
}

/** Without new tasks, V8 would keep the buffers of past ones. Only an idle process has time for a full collection. */
function freeMemory(): void {
  if (process.memoryUsage().arrayBuffers > KEPT_BUFFERS) globalThis.gc?.();
}
