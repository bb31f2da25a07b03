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
  /** It was sent ahead once, and is not again: so that it goes to the process that is free first. */
  isRecalled: boolean;
  /** Nobody wants it any more, for this reason; noted where it has been sent ahead, until it is known whether it has started. */
  aborted: { reason: unknown } | undefined;
}

interface Slot {
  process: ImageProcess;
  job: Job | undefined;
  /** What it does after that without waiting for another message. Still in line: it may be recalled. */
  next: { job: Job; sentAt: number } | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Why the pool wants the process or its job to end; thrown from the job once nothing works on it any more. */
  verdict: { reason: unknown } | undefined;
  hasBeenReady: boolean;
  tasksDone: number;
  isWornOut: boolean;
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
/** What was sent ahead is recalled after so long, when another process may take it soon. */
const SENT_AHEAD_MS = 100;
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
 * A busy process is sent the first task in line ahead, to start it as soon as it can. It is recalled, and goes to another
 * process, where that one has nothing to do, or where it has waited for a while: no task waits behind a long one.
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
 *
 * Beside an API and PostgreSQL that want the same cores, a message there and back takes long enough to leave a core idle
 * for 4 % of the time. Sending one task ahead brings `npm run bench -- resize` from 0.81 to 0.85.
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
        isRecalled: false,
        aborted: undefined,
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
      else this.#recall(slot);
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
        message: (message) => {
          if (message.type === 'recalled') this.#unassign(slot);
          else this.#finish(slot, message);
        },
        exit: (reason) => this.#onExit(slot, reason),
      }),
      job: undefined,
      next: undefined,
      timer: undefined,
      verdict: undefined,
      hasBeenReady: false,
      tasksDone: 0,
      isWornOut: false,
    };
    this.#slots.add(slot);
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (slot.job !== undefined || !slot.process.isReady) continue;
      const job = this.#firstInLine();
      if (job === undefined) this.#recallOne();
      else {
        this.#start(slot, job);
        this.#send(slot, job);
      }
    }
    for (const slot of this.#slots) {
      if (slot.next === undefined) this.#sendAhead(slot);
      else if (performance.now() - slot.next.sentAt > SENT_AHEAD_MS) this.#recall(slot);
    }
  }

  /** Of those that no process has been sent. */
  #firstInLine(): Job | undefined {
    for (const job of this.#waiting.values()) if (!this.#isSent(job)) return job;
    return undefined;
  }

  #isSent(job: Job): boolean {
    return [...this.#slots].some(({ next }) => next?.job === job);
  }

  /** Notes that the process has begun it, or will as soon as it is sent. */
  #start(slot: Slot, job: Job): void {
    this.#waiting.delete(job.id);
    slot.job = job;
    slot.next = undefined;
    job.startedAt = performance.now();
    slot.timer = setTimeout(() => {
      const detail = `The operation took longer than the ${job.timeoutMs / 1000} s it may take`;
      this.#kill(slot, new AppError('operation_timeout', detail));
    }, job.timeoutMs);
    if (job.aborted !== undefined) this.#endSoon(slot, job.aborted.reason);
  }

  /**
   * Transforms alone, behind transforms: they leave the event loop of their process to messages, so that the next one can
   * be recalled, and write over what an attempt has left that was cut off.
   */
  #sendAhead(slot: Slot): void {
    if (slot.job?.name !== 'transform' || !slot.process.isReady || slot.isWornOut) return;
    const job = this.#firstInLine();
    if (job?.name !== 'transform' || job.isRecalled) return;
    slot.next = { job, sentAt: performance.now() };
    this.#send(slot, job);
  }

  #send({ process }: Slot, { id, name, payload }: Job): void {
    process.send({ type: 'task', id, name, payload });
  }

  #recallOne(): void {
    for (const slot of this.#slots) {
      if (slot.next === undefined || slot.next.job.isRecalled) continue;
      this.#recall(slot);
      return;
    }
  }

  /** Asks for its next task back. Where it has started meanwhile, the answer is that the one before is finished. */
  #recall(slot: Slot): void {
    if (slot.next === undefined || slot.next.job.isRecalled) return;
    slot.next.job.isRecalled = true;
    slot.process.send({ type: 'recall', id: slot.next.job.id });
  }

  /** Its next task will not be started there: another process may do it. */
  #unassign(slot: Slot): void {
    const job = slot.next?.job;
    slot.next = undefined;
    if (job?.aborted !== undefined) {
      this.#waiting.delete(job.id);
      job.reject(job.aborted.reason);
    }
    if (this.#isClosing) this.#failWaiting(this.#overloaded('The service is shutting down'));
    else this.#dispatch();
  }

  #finish(slot: Slot, message: TaskAnswer): void {
    const { job, next } = slot;
    // Where the process is being killed, the answer is too late.
    if (job === undefined || job.id !== message.id || !slot.process.isReady) return;
    const { verdict } = slot;
    clearTimeout(slot.timer);
    slot.verdict = undefined;
    slot.job = undefined;
    slot.tasksDone += 1;
    this.#meanTaskMs += (performance.now() - job.startedAt - this.#meanTaskMs) / 16;
    slot.isWornOut = slot.tasksDone >= this.#options.maxTasks || message.rss > this.#options.maxRss;
    if (next !== undefined) this.#start(slot, next.job);
    else if (slot.isWornOut || this.#isClosing) this.#retire(slot);
    if (!this.#isClosing) this.#dispatch();
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
    for (const slot of this.#slots) {
      if (slot.job?.id === id && slot.verdict === undefined) this.#endSoon(slot, reason);
      if (job === undefined || slot.next?.job !== job) continue;
      job.aborted = { reason };
      this.#recall(slot);
      return;
    }
    if (job === undefined) return;
    this.#waiting.delete(id);
    job.reject(reason);
  }

  /** Lets the task that runs end by itself for a while, then ends the process. */
  #endSoon(slot: Slot, reason: unknown): void {
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
    this.#unassign(slot);
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

  /** All but those that a process may have started. */
  #failWaiting(error: AppError): void {
    for (const job of this.#waiting.values()) {
      if (this.#isSent(job)) continue;
      this.#waiting.delete(job.id);
      job.reject(error);
    }
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
