import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError, type ErrorCode } from '../core/errors.ts';
import { residentBytes, watchMemory } from './memory-watch.ts';
import type { Outcome, TaskRequest, WorkerMessage } from './messages.ts';

export interface RunOptions {
  /** Counted from the start of the task, without the wait for a process. */
  timeoutMs: number;
  signal: AbortSignal;
}

interface TaskOptions extends RunOptions {
  /** Maximum resident memory of the process while it works on the task, in bytes. */
  maxMemory: number;
}

export interface ChildEnd {
  /** Its exit code or signal, and the end of its stderr. */
  reason: string;
  /** Whether somebody else has killed it, such as Linux when memory runs out. Crashes of native code end with other signals. */
  isKilled: boolean;
  /** Whether the pool killed or dismissed it. */
  isIntended: boolean;
  /** The name of the running task, if any. */
  task: string | undefined;
}

/**
 * The variables that a child inherits: locations of programs, libraries and temporary files, but no secrets. LD_PRELOAD may load
 * jemalloc; NODE_COMPILE_CACHE speeds up the start.
 */
const INHERITED = [
  'PATH',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'NODE_COMPILE_CACHE',
  'TMPDIR',
  'TEMP',
  'TMP',
  'SystemRoot',
  'TZ',
];

/** These limit the growth of resident memory (docs/benchmarks.md, resize). An idle child calls the garbage collector. */
const EXEC_ARGV = ['--max-semi-space-size=1', '--expose-gc'];
const MEMORY_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '2' };

/** Characters of a child's stderr that are kept to explain its end. */
const STDERR_KEPT = 2000;

/** Signals that a process does not send itself when native code crashes. */
const OUTSIDE_SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGXCPU'];

/** An idle child usually exits within a few milliseconds. */
const DISMISSAL_MS = 1000;

/** Time for an aborted task to end by itself. Most do, and that costs less than starting a new process. */
const ABORT_GRACE_MS = 250;

/** A child process that runs one task at a time. */
export class Child<Task, Result> {
  /** Resolves once the process has ended and all its messages have been read. */
  readonly ended: Promise<ChildEnd>;
  hasBeenReady = false;
  tasksDone = 0;
  /** Resident memory after the last task, in bytes. */
  rss = 0;
  /** Resident memory when it was ready for its first task, in bytes. */
  newRss = 0;
  readonly #process: ChildProcess;
  #running: { name: string; settle(outcome: Outcome | ChildEnd): void } | undefined;
  #isEnding = false;

  /** `onReady` is called when it has loaded its code and is ready for tasks. */
  constructor(mainModule: URL, env: Readonly<Record<string, string>>, onReady: () => void) {
    const inherited = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
    this.#process = fork(fileURLToPath(mainModule), [], {
      serialization: 'advanced',
      env: { ...inherited, ...MEMORY_ENVIRONMENT, ...env },
      execArgv: EXEC_ARGV,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.on('message', (message: WorkerMessage) => {
      if ('isReady' in message) {
        this.hasBeenReady = true;
        this.newRss = this.residentBytes();
        onReady();
      } else if (!this.#isEnding) {
        this.rss = message.rss;
        this.#running?.settle(message);
      }
    });
    this.ended = this.#end();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resident memory now, on Linux; otherwise 0. */
  residentBytes(): number {
    return residentBytes(this.#process.pid ?? 0);
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Whether it can be given a task. */
  get isIdle(): boolean {
    return this.hasBeenReady && !this.isBusy && !this.#isEnding;
  }

  /**
   * Runs a task in an idle child.
   *
   * @throws AppError what the task threw; `internal_error` with the cause for the log; `operation_timeout` or
   *   `memory_limit_exceeded` after the child was killed; `decoder_crashed` if it died by itself; `operation_interrupted` if
   *   somebody else killed it
   * @throws the signal's reason if it aborts, once the task has stopped: at most 250 ms later
   */
  async run(name: string, task: Task, { timeoutMs, maxMemory, signal }: TaskOptions): Promise<Result> {
    signal.throwIfAborted();
    let verdict: { reason: unknown } | undefined;
    const refuse = (code: ErrorCode, detail: string) => {
      verdict ??= { reason: new AppError(code, detail) };
      this.#kill();
    };
    let timer = setTimeout(
      () => refuse('operation_timeout', `The operation took longer than the allowed ${timeoutMs / 1000} s.`),
      timeoutMs,
    );
    const stopWatch = watchMemory(this.#process.pid ?? 0, maxMemory, () =>
      refuse(
        'memory_limit_exceeded',
        `The operation needs more than the allowed ${Math.floor(maxMemory / 1024 ** 2)} MiB of memory.`,
      ),
    );
    const abort = () => {
      if (verdict !== undefined) return;
      verdict = { reason: signal.reason };
      clearTimeout(timer);
      timer = setTimeout(() => this.#kill(), ABORT_GRACE_MS);
    };
    signal.addEventListener('abort', abort);
    const { promise, resolve: settle } = Promise.withResolvers<Outcome | ChildEnd>();
    this.#running = { name, settle };
    let outcome: Outcome | ChildEnd;
    try {
      const request: TaskRequest = { name, task };
      // If sending fails, the child is ending, and `ended` reports that.
      this.#process.send(request, () => {});
      outcome = await promise;
    } finally {
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
      stopWatch();
      this.#running = undefined;
    }
    this.tasksDone += 1;
    if (verdict !== undefined) throw verdict.reason;
    // The code of the tasks guarantees the type of the result.
    if ('result' in outcome) return outcome.result as Result;
    throw toError(outcome);
  }

  /** Lets an idle child exit by itself, and kills it if it does not. */
  dismiss(): void {
    this.#isEnding = true;
    if (this.#process.connected) this.#process.disconnect();
    setTimeout(() => this.#kill(), DISMISSAL_MS).unref();
  }

  #kill(): void {
    this.#isEnding = true;
    this.#process.kill('SIGKILL');
  }

  async #end(): Promise<ChildEnd> {
    let stderr = '';
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT);
    });
    const exited = new Promise<string>((resolve) => {
      this.#process.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      // A process that cannot be started does not emit 'exit'.
      this.#process.on('error', (error) => this.#process.pid ?? resolve(error.message));
    });
    // 'exit' may come before the last message has been read, 'disconnect' does not. ('close' would cover both, but it is not
    // emitted after this side has disconnected.)
    const disconnected = new Promise<void>((resolve) => {
      if (this.#process.connected) this.#process.once('disconnect', resolve);
      else resolve();
    });
    const [reason] = await Promise.all([exited, disconnected]);
    const end: ChildEnd = {
      reason: stderr === '' ? reason : `${reason}; stderr: ${stderr}`,
      isKilled: OUTSIDE_SIGNALS.includes(reason),
      isIntended: this.#isEnding,
      task: this.#running?.name,
    };
    this.#isEnding = true;
    this.#running?.settle(end);
    return end;
  }
}

function toError(outcome: Exclude<Outcome, { result: unknown }> | ChildEnd): AppError {
  if ('failure' in outcome) {
    const { code, detail, errors, retryAfter } = outcome.failure;
    return new AppError(code, detail, { errors, ...(retryAfter === undefined ? {} : { retryAfter }) });
  }
  if ('error' in outcome) {
    return new AppError('internal_error', 'The operation failed unexpectedly.', { cause: outcome.error });
  }
  const cause = new Error(outcome.reason);
  if (outcome.isKilled) {
    const detail = 'The process that worked on this request was killed; try again in 1 s.';
    return new AppError('operation_interrupted', detail, { cause, retryAfter: 1 });
  }
  return new AppError('decoder_crashed', 'The process crashed while it handled this file.', { cause });
}
