/**
 * Main module of an image process: does one task after another as the pool sends them. It holds native code that
 * works on strangers' bytes, so it is written to be killed at any moment.
 */
import { writeFileSync } from 'node:fs';
import { AppError } from './core/errors.ts';
import { OPERATIONS, OPERATIONS_BY_NAME } from './operations.ts';
import type {
  InternalFailure,
  PublicFailure,
  TaskAnswer,
  TaskRequest,
  WorkerMessage,
} from './processes/messages.ts';
import type { Task } from './work/operation.ts';

let isBusy = false;

/** What a process that has nothing to do for this long keeps of its last tasks is given back… */
const IDLE_MS = 200;
/** …where it is more than this, in bytes. */
const KEPT_BUFFERS = 16 * 1024 * 1024;
let idleTimer: NodeJS.Timeout | undefined;

/**
 * Frees the pixels of past tasks: without new tasks, V8 would leave them until one comes. It takes 20 ms, which a process
 * that is busy never pays. After segmentations of 12 MP resident memory is 125 MiB instead of 190 to 280.
 */
function giveBackMemory(): void {
  if (process.memoryUsage().arrayBuffers > KEPT_BUFFERS) globalThis.gc?.();
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

function describe(error: unknown): PublicFailure | InternalFailure {
  if (error instanceof AppError) {
    return { code: error.code, detail: error.detail, errors: error.errors, retryAfter: error.retryAfter };
  }
  return error instanceof Error
    ? { message: error.message, stack: error.stack }
    : { message: String(error), stack: undefined };
}

async function perform({ id, name, payload }: TaskRequest): Promise<TaskAnswer> {
  try {
    const operation = OPERATIONS_BY_NAME.get(name);
    if (operation === undefined) throw new Error(`No operation is called ${name}`);
    const runTask = await operation.load();
    // The runner sends an operation the task that its parameters make.
    const result = await runTask(payload as Task);
    return { type: 'done', id, result, rss: process.memoryUsage.rss() };
  } catch (error) {
    return { type: 'failed', id, failure: describe(error), rss: process.memoryUsage.rss() };
  }
}

async function work(request: TaskRequest): Promise<void> {
  isBusy = true;
  clearTimeout(idleTimer);
  const answer = await perform(request);
  isBusy = false;
  idleTimer = setTimeout(giveBackMemory, IDLE_MS);
  send(answer);
}

// A terminal's Ctrl-C and a service manager's SIGTERM reach the whole process group; the pool decides when to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// The parent is gone. Leaving in good order would wait for libuv's threads, which may be minutes deep in an encoder.
process.on('disconnect', () => {
  if (isBusy) process.kill(process.pid, 'SIGKILL');
  process.exit();
});

process.on('message', (request: TaskRequest) => void work(request));

try {
  // Where memory runs out, Linux shall end an image process, not the API or the database.
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Not Linux, or not allowed here.
}

// Loaded before the first task comes (about 100 ms), because nearly every process needs them; the others load when they
// are asked for. One that fails to load fails its own tasks alone.
await Promise.allSettled([OPERATIONS.inspect.load(), OPERATIONS.transform.load()]);
send({ type: 'ready' });
