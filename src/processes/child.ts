import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError } from '../core/errors.ts';
import type { Outcome, TaskRequest, WorkerMessage } from './messages.ts';

export interface RunOptions {
  /** Counted from when the task starts to run, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface ChildEnd {
  /** Its exit code or signal, and what it last wrote to stderr. */
  reason: string;
  /** It was killed or dismissed by the pool. */
  isIntended: boolean;
  /** The task that it was running, if any. */
  task: string | undefined;
}

/**
 * What a child inherits: where programs, libraries and temporary files are, and nothing secret. LD_PRELOAD may bring
 * jemalloc; NODE_COMPILE_CACHE halves the time that a start takes.
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

/** Against the growth of resident memory; docs/benchmarks.md has the figures. The collector is called by an idle child. */
const EXEC_ARGV = ['--max-semi-space-size=1', '--expose-gc'];
const MEMORY_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '2' };

/** Characters kept of what a child writes to stderr, to explain its end. */
const STDERR_KEPT = 2000;

/** An idle child leaves within a few milliseconds. */
const DISMISSAL_MS = 1000;

/**
 * A task that nobody wants any more may still end by itself for so long. A new process takes 0.35 s of CPU to start,
 * more than most tasks have left.
 */
const ABORT_GRACE_MS = 250;

/** A child process that runs one task at a time. */
export class Child<Task, Result> {
  /** Resolves once it is gone. No answer comes after that. */
  readonly ended: Promise<ChildEnd>;
  hasBeenReady = false;
  tasksDone = 0;
  /** Its resident memory after the last task, in bytes. */
  rss = 0;
  readonly #process: ChildProcess;
  #running: { name: string; settle(outcome: Outcome | ChildEnd): void } | undefined;
  #isEnding = false;

  /** `onReady` is called when it has loaded its code and can be given tasks. */
  constructor(mainModule: URL, env: Readonly<Record<string, string>>, onReady: () => void) {
    this.#process = fork(fileURLToPath(mainModule), [], {
      serialization: 'advanced',
      env: { ...inherited(process.env), ...MEMORY_ENVIRONMENT, ...env },
      execArgv: EXEC_ARGV,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.on('message', (message: WorkerMessage) => {
      if ('isReady' in message) {
        this.hasBeenReady = true;
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
   * @throws AppError what the task threw; `internal_error` with the cause for the log; `operation_timeout` once the
   *   child is killed; `decoder_crashed` if it died by itself
   * @throws the signal's reason if it aborts, once nothing works on the task any more: at most 250 ms later
   */
  async run(name: string, task: Task, { timeoutMs, signal }: RunOptions): Promise<Result> {
    signal.throwIfAborted();
    let verdict: { reason: unknown } | undefined;
    let timer = setTimeout(() => {
      const detail = `The operation took longer than the ${timeoutMs / 1000} s it may take`;
      verdict = { reason: new AppError('operation_timeout', detail) };
      this.#kill();
    }, timeoutMs);
    const abort = () => {
      if (verdict !== undefined) return;
      verdict = { reason: signal.reason };
      clearTimeout(timer);
      timer = setTimeout(() => this.#kill(), ABORT_GRACE_MS);
    };
    signal.addEventListener('abort', abort);
    const outcome = await new Promise<Outcome | ChildEnd>((settle) => {
      this.#running = { name, settle };
      const request: TaskRequest = { name, task };
      // A failure to send means that the child is going away, and `ended` reports that.
      this.#process.send(request, () => {});
    });
    signal.removeEventListener('abort', abort);
    clearTimeout(timer);
    this.#running = undefined;
    this.tasksDone += 1;
    if (verdict !== undefined) throw verdict.reason;
    // What a child answers is what the code of its tasks gives.
    if ('result' in outcome) return outcome.result as Result;
    throw toError(outcome);
  }

  /** Lets an idle one leave by itself, and kills it if it does not. */
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
      // If it cannot be started, there is no 'exit'.
      this.#process.once('error', (error) => this.#process.pid ?? resolve(error.message));
    });
    // 'exit' may come before the last message has been read from the channel; none comes after 'disconnect'.
    // ('close' would say both, but does not come after a disconnect from this side.)
    const disconnected = new Promise<void>((resolve) => {
      if (this.#process.connected) this.#process.once('disconnect', resolve);
      else resolve();
    });
    const [reason] = await Promise.all([exited, disconnected]);
    const end: ChildEnd = {
      reason: stderr === '' ? reason : `${reason}; stderr: ${stderr}`,
      isIntended: this.#isEnding,
      task: this.#running?.name,
    };
    this.#isEnding = true;
    this.#running?.settle(end);
    return end;
  }
}

function inherited(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

function toError(outcome: Exclude<Outcome, { result: unknown }> | ChildEnd): AppError {
  if ('failure' in outcome) {
    const { code, detail, errors, retryAfter } = outcome.failure;
    return new AppError(code, detail, { errors, ...(retryAfter === undefined ? {} : { retryAfter }) });
  }
  if ('error' in outcome) {
    return new AppError('internal_error', 'The operation failed unexpectedly', { cause: outcome.error });
  }
  const cause = new Error(outcome.reason);
  return new AppError('decoder_crashed', 'The process crashed on this input', { cause });
}
