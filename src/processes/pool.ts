import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admission, type QueueStats } from './admission.ts';
import { Child, type RunOptions } from './child.ts';

export interface PoolOptions {
  /** Main module of a process; it calls `serveTasks`. */
  mainModule: URL;
  /** What its tasks are, in the plural: "image operations". */
  what: string;
  /** Processes, each with one task at a time. */
  concurrency: number;
  /** Tasks that may wait while all processes are busy; past it a task is refused at once. */
  queue: number;
  /** Variables for the environment of a process. It inherits nothing but where programs and files are. */
  env?: Readonly<Record<string, string>>;
  /** A process is replaced after so many tasks… */
  maxTasks?: number;
  /** …or if, between tasks, its resident memory is over this many bytes. */
  maxRss?: number;
  log?: PoolLog;
}

export interface PoolLog {
  warn(details: object, message: string): void;
}

export interface PoolStats extends QueueStats {
  /** Processes that were replaced after a crash, a timeout, an abort or as routine. */
  restarts: number;
  /** Of the live processes. */
  pids: number[];
}

/**
 * Routine replacement is a safety net: over 1,000 resizes a process grew from 112 to 120 MiB; decoding large pictures in
 * full took up to 400 MiB for a while.
 */
const DEFAULT_MAX_TASKS = 2000;
const DEFAULT_MAX_RSS = 512 * 1024 * 1024;
/** Between attempts to replace processes that die before they are ready; doubled each time. */
const FIRST_RESTART_DELAY_MS = 100;
const LAST_RESTART_DELAY_MS = 5000;
/** After so many in a row, with no process left, tasks do not wait for one. */
const HOPELESS_START_FAILURES = 3;

/**
 * Child processes, started ahead and replaced as soon as they end, with a bounded queue before them. Native code cannot
 * be stopped in the middle, so a process is killed if its task takes too long or is no longer wanted, and a crash costs
 * the one task that was running. One task at a time in as many processes as there are cores is the fastest of the
 * variants measured (docs/benchmarks.md, resize).
 */
export class ProcessPool<Task, Result> {
  readonly #options: PoolOptions;
  readonly #admission: Admission;
  readonly #children = new Set<Child<Task, Result>>();
  /** Each keeps one process running. */
  readonly #places: Promise<void>[];
  /** Emits 'change' when a child has become idle, or none will. */
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
   * Runs one task in a process of its own for the time being.
   *
   * @throws AppError `overloaded` at once if the queue is full or processes cannot be started
   * @throws the signal's reason, at once if it aborts while the task waits
   * @throws what `Child.run` throws
   */
  run(name: string, task: Task, options: RunOptions): Promise<Result> {
    return this.#admission.run(options.signal, async () => {
      let child = this.#findIdle();
      for (; child === undefined; child = this.#findIdle()) {
        await once(this.#events, 'change', options).catch(() => options.signal.throwIfAborted());
      }
      try {
        return await child.run(name, task, options);
      } finally {
        this.#release(child);
      }
    });
  }

  stats(): PoolStats {
    return {
      ...this.#admission.stats(),
      restarts: this.#restarts,
      pids: [...this.#children].flatMap(({ pid }) => pid ?? []),
    };
  }

  /** Refuses new tasks, hands waiting ones back as `overloaded`, lets running ones end, then ends the processes. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#admission.close();
    this.#events.emit('change');
    for (const child of this.#children) if (!child.isBusy) child.dismiss();
    await Promise.all(this.#places);
  }

  /** Each task that is admitted finds one, unless a process is being replaced. */
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
    const isWornOut = child.tasksDone >= maxTasks || child.rss > maxRss;
    if (isWornOut || this.#closing.signal.aborted) child.dismiss();
    else this.#events.emit('change');
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

  /** From the start of a process to its end. False if it died before it was ready. */
  async #runOne(): Promise<boolean> {
    const { mainModule, env = {}, what, log } = this.#options;
    const child = new Child<Task, Result>(mainModule, env, () => {
      this.#startFailures = 0;
      this.#events.emit('change');
    });
    this.#children.add(child);
    const { isIntended, ...end } = await child.ended;
    this.#children.delete(child);
    if (!isIntended) log?.warn({ pid: child.pid, ...end }, `a process for ${what} died`);
    return child.hasBeenReady || isIntended;
  }

  /** If memory or process ids run out, to try again at once would not help. */
  async #delayRestart(): Promise<void> {
    const delay = Math.min(FIRST_RESTART_DELAY_MS * 2 ** this.#startFailures, LAST_RESTART_DELAY_MS);
    this.#startFailures += 1;
    this.#events.emit('change');
    await sleep(delay, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}
