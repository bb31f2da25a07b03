import { AppError } from '../core/errors.ts';
import { ImageProcess } from './child.ts';
import type { InternalFailure, PublicFailure, TaskAnswer } from './messages.ts';

export interface PoolOptions {
  /** Main module of a process. */
  mainModule: URL;
  /** Processes, each with one task at a time. */
  concurrency: number;
  /** Tasks that may wait while all processes are busy; past it a task is refused at once. */
  queue: number;
  /** A process is replaced after so many tasks… */
  maxTasks?: number;
  /** …or when, between tasks, its resident memory is over this many bytes. */
  maxRss?: number;
  log?: PoolLog;
}

export interface PoolLog {
  warn(details: object, message: string): void;
}

export interface RunOptions {
  /** Counted from when the task starts to run, in milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface PoolStats {
  running: number;
  waiting: number;
  /** Tasks that can be running or waiting at once. */
  capacity: number;
  /** Processes that were replaced after a crash, a timeout, an abort or as routine. */
  restarts: number;
  /** Of the live processes. */
  pids: number[];
}

interface Job {
  id: number;
  name: string;
  payload: unknown;
  timeoutMs: number;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
  startedAt: number;
}

interface Slot {
  process: ImageProcess;
  job: Job | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Why the pool wants the process or its job to end; thrown from the job once nothing works on it any more. */
  verdict: { reason: unknown } | undefined;
  hasBeenReady: boolean;
  tasksDone: number;
}

/**
 * Routine replacement is a safety net: over 1,000 resizes a process grew from 112 to 120 MiB, and was at 129 after
 * decoding WebP, PNG, progressive JPEG (49 MP) and AVIF (16 MP) in full, which took up to 400 MiB for the while.
 */
const DEFAULT_MAX_TASKS = 2000;
const DEFAULT_MAX_RSS = 512 * 1024 * 1024;
/**
 * A task that nobody wants any more may still end by itself for so long. A new process takes 0.35 s of CPU to start,
 * more than most tasks have left: killing at once would make a client that comes and goes the dearest of all.
 */
const ABORT_GRACE_MS = 250;
/** Between attempts to replace processes that die before they are ready; doubled each time. */
const FIRST_RESTART_DELAY_MS = 100;
const LAST_RESTART_DELAY_MS = 5000;
/** After so many in a row, with no process left, tasks stop waiting for one. */
const HOPELESS_START_FAILURES = 3;

/**
 * Child processes that run image tasks, started ahead and replaced as soon as they end. Admission has two stages:
 * a bounded line, then `concurrency` processes with one task each. libvips cannot be stopped in the middle of a
 * codec, so that a process is killed where its task takes too long or is no longer wanted, and a crash costs the
 * one task that was running.
 *
 * Throughput against bare sharp in one process, on 2 cores: a 6 MP JPEG to 800 px, 8 in flight, interleaved runs,
 * medians. The pool reaches 0.99 to 1.00 of 79/s, with 25.9 ms of CPU an operation instead of 24.9. What matters is as
 * many processes as cores and sequential reading:
 *
 * | variant                                            | of bare |
 * | -------------------------------------------------- | ------- |
 * | 2 processes, one task each                         | 0.99    |
 * | the same without MALLOC_ARENA_MAX                  | 1.00    |
 * | the same with UV_THREADPOOL_SIZE=1                 | 1.00    |
 * | the same with malloc's mmap threshold at 256 MiB   | 0.96    |
 * | the same with two tasks a process at once          | 0.97    |
 * | the same, and UV_THREADPOOL_SIZE=1                 | 0.86    |
 * | the same with 2 libvips threads an image           | 0.91    |
 * | 3 processes                                        | 0.92    |
 * | 4 processes                                        | 0.93    |
 * | 2 processes, `sequentialRead: false`               | 0.82    |
 */
export class ProcessPool {
  readonly #options: PoolOptions & { maxTasks: number; maxRss: number };
  readonly #slots = new Set<Slot>();
  readonly #waiting = new Map<number, Job>();
  #nextId = 1;
  #restarts = 0;
  #startFailures = 0;
  #restartTimers = new Set<NodeJS.Timeout>();
  #meanTaskMs = 100;
  #isClosing = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(options: PoolOptions) {
    this.#options = { maxTasks: DEFAULT_MAX_TASKS, maxRss: DEFAULT_MAX_RSS, ...options };
    for (let i = 0; i < options.concurrency; i += 1) this.#startProcess();
  }

  /**
   * Runs one task in a process of its own for the time being.
   *
   * @throws AppError what the task threw; `overloaded` at once where the line is full; `operation_timeout` once the
   *   process is killed; `decoder_crashed` where it died by itself; `internal_error`, with the cause for the log
   * @throws the signal's reason, where it aborts: at once for a waiting task, once nothing works on it any more (at
   *   most `ABORT_GRACE_MS` later) for a running one
   */
  run<Result>(name: string, payload: unknown, { timeoutMs, signal }: RunOptions): Promise<Result> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#isClosing) return Promise.reject(this.#overloaded('The service is shutting down'));
    const { running, waiting, capacity } = this.stats();
    if (running + waiting >= capacity) {
      return Promise.reject(this.#overloaded(`All ${capacity} places for image operations are taken`));
    }
    return new Promise<Result>((resolve, reject) => {
      const id = this.#nextId++;
      const abort = () => this.#abort(id, signal?.reason);
      const settle =
        <Value>(callback: (value: Value) => void) =>
        (value: Value) => {
          signal?.removeEventListener('abort', abort);
          callback(value);
        };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.set(id, {
        id,
        name,
        payload,
        timeoutMs,
        // What a process answers to a task is what the code of the task gives.
        resolve: settle((result) => resolve(result as Result)),
        reject: settle(reject),
        startedAt: 0,
      });
      this.#dispatch();
    });
  }

  stats(): PoolStats {
    const slots = [...this.#slots];
    return {
      running: slots.filter((slot) => slot.job !== undefined).length,
      waiting: this.#waiting.size,
      capacity: this.#options.concurrency + this.#options.queue,
      restarts: this.#restarts,
      pids: slots.flatMap((slot) => slot.process.pid ?? []),
    };
  }

  /** Refuses new tasks, hands waiting ones back as `overloaded`, lets running ones end, then ends the processes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const timer of this.#restartTimers) clearTimeout(timer);
    this.#failWaiting(this.#overloaded('The service is shutting down'));
    for (const slot of this.#slots) {
      if (slot.job === undefined) this.#retire(slot);
    }
    if (this.#slots.size > 0) await this.#drained.promise;
  }

  #startProcess(): void {
    const slot: Slot = {
      process: new ImageProcess(this.#options.mainModule, {
        ready: () => {
          slot.hasBeenReady = true;
          this.#startFailures = 0;
          if (this.#isClosing) this.#retire(slot);
          else this.#dispatch();
        },
        answer: (answer) => this.#finish(slot, answer),
        exit: (reason) => this.#onExit(slot, reason),
      }),
      job: undefined,
      timer: undefined,
      verdict: undefined,
      hasBeenReady: false,
      tasksDone: 0,
    };
    this.#slots.add(slot);
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (slot.job !== undefined || !slot.process.isReady) continue;
      const [job] = this.#waiting.values();
      if (job === undefined) return;
      this.#waiting.delete(job.id);
      this.#start(slot, job);
    }
  }

  #start(slot: Slot, job: Job): void {
    const { id, name, payload, timeoutMs } = job;
    slot.job = job;
    job.startedAt = performance.now();
    slot.timer = setTimeout(() => {
      const detail = `The operation took longer than the ${timeoutMs / 1000} s it may take`;
      this.#kill(slot, new AppError('operation_timeout', detail));
    }, timeoutMs);
    slot.process.send({ id, name, payload });
  }

  #finish(slot: Slot, message: TaskAnswer): void {
    const { job } = slot;
    // Where the process is being killed, the answer is too late.
    if (job === undefined || job.id !== message.id || !slot.process.isReady) return;
    const { verdict } = slot;
    clearTimeout(slot.timer);
    slot.verdict = undefined;
    slot.job = undefined;
    slot.tasksDone += 1;
    this.#meanTaskMs += (performance.now() - job.startedAt - this.#meanTaskMs) / 16;
    const isWornOut = slot.tasksDone >= this.#options.maxTasks || message.rss > this.#options.maxRss;
    if (isWornOut || this.#isClosing) this.#retire(slot);
    else this.#dispatch();
    if (verdict !== undefined) job.reject(verdict.reason);
    else if (message.type === 'done') job.resolve(message.result);
    else job.reject(toError(message.failure));
  }

  #retire(slot: Slot): void {
    slot.verdict = { reason: undefined };
    slot.process.dismiss();
  }

  #kill(slot: Slot, reason: unknown): void {
    slot.verdict ??= { reason };
    slot.process.kill();
  }

  #abort(id: number, reason: unknown): void {
    const job = this.#waiting.get(id);
    if (job !== undefined) {
      this.#waiting.delete(id);
      job.reject(reason);
      return;
    }
    const slot = [...this.#slots].find((slot) => slot.job?.id === id);
    if (slot === undefined || slot.verdict !== undefined) return;
    slot.verdict = { reason };
    clearTimeout(slot.timer);
    slot.timer = setTimeout(() => slot.process.kill(), ABORT_GRACE_MS);
  }

  #onExit(slot: Slot, reason: string): void {
    clearTimeout(slot.timer);
    this.#slots.delete(slot);
    if (slot.verdict === undefined) {
      this.#options.log?.warn({ pid: slot.process.pid, reason, task: slot.job?.name }, 'image process died');
    }
    if (this.#isClosing) {
      if (this.#slots.size === 0) this.#drained.resolve();
    } else if (slot.hasBeenReady || slot.verdict !== undefined) {
      this.#restarts += 1;
      this.#startProcess();
    } else {
      this.#restartLater();
    }
    const crash = () =>
      new AppError('decoder_crashed', 'The image codec crashed on this input', { cause: new Error(reason) });
    slot.job?.reject(slot.verdict === undefined ? crash() : slot.verdict.reason);
  }

  /** For a process that died before it was ready, as it does where memory or process ids run out. */
  #restartLater(): void {
    const delay = Math.min(FIRST_RESTART_DELAY_MS * 2 ** this.#startFailures, LAST_RESTART_DELAY_MS);
    this.#startFailures += 1;
    const timer = setTimeout(() => {
      this.#restartTimers.delete(timer);
      this.#restarts += 1;
      this.#startProcess();
    }, delay);
    this.#restartTimers.add(timer);
    const noneWorks = [...this.#slots].every((slot) => !slot.hasBeenReady);
    if (noneWorks && this.#startFailures >= HOPELESS_START_FAILURES) {
      this.#failWaiting(this.#overloaded('Image processes cannot be started'));
    }
  }

  #failWaiting(error: AppError): void {
    const jobs = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const job of jobs) job.reject(error);
  }

  #overloaded(why: string): AppError {
    const ahead = this.#waiting.size + this.#options.concurrency;
    const seconds = Math.ceil((ahead * this.#meanTaskMs) / this.#options.concurrency / 1000);
    const retryAfter = Math.min(Math.max(seconds, 1), 60);
    return new AppError('overloaded', `${why}; try again in ${retryAfter} s`, { retryAfter });
  }
}

function toError(failure: PublicFailure | InternalFailure): AppError {
  if ('code' in failure) {
    const { code, detail, errors, retryAfter } = failure;
    return new AppError(code, detail, { errors, ...(retryAfter === undefined ? {} : { retryAfter }) });
  }
  const cause = new Error(failure.message);
  if (failure.stack !== undefined) cause.stack = failure.stack;
  return new AppError('internal_error', 'The image operation failed unexpectedly', { cause });
}
