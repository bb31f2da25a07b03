import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admission, type AdmissionOptions, type QueueStats } from './admission.ts';
import { Child, type RunOptions } from './child.ts';

/** `concurrency` is the number of processes, each with one task at a time. */
export interface PoolOptions extends AdmissionOptions {
  /** Main module of a process. It calls `serveTasks`. */
  mainModule: URL;
  /** Environment variables for a process. It inherits only the locations of programs and files. */
  env?: Readonly<Record<string, string>>;
  /** A process is killed if its task makes its resident memory exceed this many bytes. By default there is no maximum. */
  maxMemory?: number;
  /** A process is replaced after this many tasks… */
  maxTasks?: number;
  /** …or if its resident memory exceeds this many bytes after a task… */
  maxRss?: number;
  /** …or if it has been idle for this long and still takes a tenth more than a new process. */
  idleMs?: number;
  log?: { warn(details: object, message: string): void };
}

export interface PoolRunOptions extends RunOptions {
  /** Estimated work of the task in comparison with others, in any unit. */
  cost?: number;
}

export interface PoolStats extends QueueStats {
  /** Processes that were replaced, after a crash, a timeout or an abort, or routinely. */
  restarts: number;
  pids: number[];
}

/** Routine replacement is a safety net against the growth of memory. */
const DEFAULT_MAX_TASKS = 2000;
const DEFAULT_MAX_RSS = 512 * 1024 * 1024;
const DEFAULT_IDLE_MS = 30_000;
/** The C library keeps freed memory: after large pictures, a process may take three times as much as a new one. */
const MAX_IDLE_GROWTH = 1.1;
/** Delay between attempts to replace processes that die before their first task, doubled each time. */
const FIRST_RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 5000;
/** If this many starts fail in a row and no process is left, tasks are refused. */
const HOPELESS_START_FAILURES = 3;

/**
 * Child processes with a bounded queue. They are started in advance and replaced as soon as they end. Native code cannot be
 * interrupted, so a process is killed if its task takes too long or is no longer wanted, and a crash affects only the running
 * task. One process per core with one task at a time is the fastest variant (docs/benchmarks.md, resize).
 */
export class ProcessPool<Task, Result> {
  readonly #options: PoolOptions;
  readonly #admission: Admission;
  readonly #children = new Set<Child<Task, Result>>();
  /** Each keeps one process running. */
  readonly #places: Promise<void>[];
  /** Emits 'change' when a child has become idle, or when waiting for one has become pointless. */
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #closing = new AbortController();
  #restarts = 0;
  #startFailures = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#admission = new Admission(options);
    this.#places = Array.from({ length: options.concurrency }, () => this.#keepOne());
  }

  /**
   * Runs a task in a process that does nothing else in the meantime.
   *
   * @throws AppError `overloaded` at once if the queue is full or processes cannot be started
   * @throws the signal's reason, at once if it aborts while the task is waiting
   * @throws what `Child.run` throws
   */
  run(name: string, task: Task, options: PoolRunOptions): Promise<Result> {
    const run = async () => {
      let child = this.#findIdle();
      for (; child === undefined; child = this.#findIdle()) {
        await once(this.#events, 'change', options).catch(() => options.signal.throwIfAborted());
      }
      try {
        const { maxMemory = Number.POSITIVE_INFINITY } = this.#options;
        return await child.run(name, task, { ...options, maxMemory });
      } finally {
        this.#release(child);
      }
    };
    return this.#admission.run(options.signal, run, options.cost);
  }

  stats(): PoolStats {
    return {
      ...this.#admission.stats(),
      restarts: this.#restarts,
      pids: [...this.#children].flatMap(({ pid }) => pid ?? []),
    };
  }

  /** Refuses new and waiting tasks as `overloaded`, waits for running ones, then ends the processes. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#admission.close();
    this.#events.emit('change');
    for (const child of this.#children) if (!child.isBusy) child.dismiss();
    await Promise.all(this.#places);
  }

  /** Every admitted task finds an idle process, unless one is being replaced. */
  #findIdle(): Child<Task, Result> | undefined {
    const children = [...this.#children];
    const idle = children.find((child) => child.isIdle);
    if (idle !== undefined) return idle;
    if (this.#closing.signal.aborted) throw this.#admission.overloaded('The service is shutting down');
    const noneWorks = children.every((child) => !child.hasBeenReady);
    if (noneWorks && this.#startFailures >= HOPELESS_START_FAILURES) {
      throw this.#admission.overloaded(`Processes for ${this.#options.what} cannot be started`);
    }
    return undefined;
  }

  #release(child: Child<Task, Result>): void {
    const { maxTasks = DEFAULT_MAX_TASKS, maxRss = DEFAULT_MAX_RSS } = this.#options;
    this.#startFailures = 0;
    const isWornOut = child.tasksDone >= maxTasks || child.rss > maxRss;
    if (isWornOut || this.#closing.signal.aborted) child.dismiss();
    else {
      this.#events.emit('change');
      this.#replaceIfIdle(child);
    }
  }

  /** Gives back the memory of a process that nobody needs at the moment. */
  #replaceIfIdle(child: Child<Task, Result>): void {
    const { idleMs = DEFAULT_IDLE_MS } = this.#options;
    const { tasksDone } = child;
    const check = () => {
      const hasBeenIdle = child.isIdle && child.tasksDone === tasksDone;
      if (hasBeenIdle && child.residentBytes() > child.newRss * MAX_IDLE_GROWTH) child.dismiss();
    };
    setTimeout(check, idleMs).unref();
  }

  /** Keeps one process running until the pool closes. */
  async #keepOne(): Promise<void> {
    const { what, log } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const hasWorked = await this.#runOne().catch((error: unknown) => {
        log?.warn({ err: error }, `a process for ${what} cannot be started`);
        return false;
      });
      if (!hasWorked) await this.#delayRestart();
      if (!signal.aborted) this.#restarts += 1;
    }
  }

  /** Runs a process until it ends. False if it died by itself before its first task. */
  async #runOne(): Promise<boolean> {
    const { mainModule, env = {}, what, log } = this.#options;
    const child = new Child<Task, Result>(mainModule, env, () => this.#events.emit('change'));
    this.#children.add(child);
    const { isIntended, ...end } = await child.ended;
    this.#children.delete(child);
    if (!isIntended) log?.warn({ pid: child.pid, ...end }, `a process for ${what} died`);
    return isIntended || child.tasksDone > 0;
  }

  /** If memory or process ids have run out, retrying at once would not help. */
  async #delayRestart(): Promise<void> {
    const delay = Math.min(FIRST_RESTART_DELAY_MS * 2 ** this.#startFailures, MAX_RESTART_DELAY_MS);
    this.#startFailures += 1;
    this.#events.emit('change');
    await sleep(delay, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}
