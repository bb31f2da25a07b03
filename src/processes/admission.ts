import { AppError } from '../core/errors.ts';

/** How full a queue is. */
export interface QueueStats {
  running: number;
  waiting: number;
  /** How many can be running or waiting at once; past it what comes is refused. */
  capacity: number;
}

export interface AdmissionOptions {
  /** What is admitted, in the plural: "image logs". */
  what: string;
  /** How many run at the same time. */
  concurrency: number;
  /** How many may wait for their turn. */
  queue: number;
}

/** Seconds after which to try again, while nothing has ended that could tell how long the queue takes. */
const FIRST_RETRY_AFTER = 5;
const MAX_RETRY_AFTER = 60;

/** A bounded number of places, and a bounded queue before them. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #running = 0;
  /** How long work takes, as a moving average. */
  #meanMs: number | undefined;
  #isClosed = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Runs work when its turn has come.
   *
   * @throws AppError `overloaded` at once if the queue is full
   * @throws the signal's reason if it aborts while the work waits
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.#enter(signal);
    // What need not wait starts at once.
    if (turn !== undefined) await turn;
    const start = performance.now();
    try {
      return await work();
    } finally {
      const ms = performance.now() - start;
      this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs + (ms - this.#meanMs) / 16;
      this.#leave();
    }
  }

  stats(): QueueStats {
    const { concurrency, queue } = this.#options;
    return { running: this.#running, waiting: this.#waiting.length, capacity: concurrency + queue };
  }

  /** Refuses what waits and what comes. What runs goes on. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(this.overloaded('The service is shutting down'));
  }

  /** What to refuse work with, and when to try again. */
  overloaded(why: string): AppError {
    const { concurrency } = this.#options;
    const turns = (this.#waiting.length + concurrency) / concurrency;
    const seconds = this.#meanMs === undefined ? FIRST_RETRY_AFTER : Math.ceil((turns * this.#meanMs) / 1000);
    const retryAfter = Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER);
    return new AppError('overloaded', `${why}; try again in ${retryAfter} s.`, { retryAfter });
  }

  /** Takes a place. Gives a promise of it if all are taken. */
  #enter(signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted();
    const { what, concurrency, queue } = this.#options;
    if (this.#isClosed) throw this.overloaded('The service is shutting down');
    if (this.#running < concurrency) {
      this.#running += 1;
      return undefined;
    }
    if (this.#waiting.length >= queue) {
      throw this.overloaded(`All ${concurrency + queue} places for ${what} are taken`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = { resolve, reject };
    const abort = () => {
      const at = this.#waiting.indexOf(entry);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    this.#waiting.push(entry);
    signal.addEventListener('abort', abort, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', abort));
  }

  /** Hands the place on to who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else this.#running -= 1;
  }
}
