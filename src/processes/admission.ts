import { AppError } from '../core/errors.ts';

/** How full a queue is. */
export interface QueueStats {
  running: number;
  waiting: number;
  /** Maximum number running or waiting; beyond that, work is refused. */
  capacity: number;
}

export interface AdmissionOptions {
  /** The name of the work, in the plural: "image logs". */
  what: string;
  /** Maximum number running at the same time. */
  concurrency: number;
  /** Maximum number waiting. */
  queue: number;
}

/** Until the first work has ended, the duration of the queue is unknown. */
const FIRST_RETRY_AFTER_S = 5;
const MAX_RETRY_AFTER_S = 60;

/** A bounded number of places with a bounded queue. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #running = 0;
  /** Moving average of how long work takes. */
  #meanMs: number | undefined;
  #isClosed = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Runs work as soon as a place is free.
   *
   * @throws AppError `overloaded` at once if the queue is full
   * @throws the signal's reason if it aborts while the work waits
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.#enter(signal);
    // If it need not wait, it starts synchronously.
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

  /** Refuses waiting and new work. Running work continues. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(this.overloaded('The service is shutting down'));
  }

  /** The error for refused work, with the time after which to try again. */
  overloaded(why: string): AppError {
    const { concurrency } = this.#options;
    const turns = (this.#waiting.length + concurrency) / concurrency;
    const seconds =
      this.#meanMs === undefined ? FIRST_RETRY_AFTER_S : Math.ceil((turns * this.#meanMs) / 1000);
    const retryAfter = Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER_S);
    return new AppError('overloaded', `${why}; try again in ${retryAfter} s.`, { retryAfter });
  }

  /** Takes a place, or returns a promise of one if all are taken. */
  #enter(signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted();
    const { what, concurrency, queue } = this.#options;
    if (this.#isClosed) throw this.overloaded('The service is shutting down');
    if (this.#running < concurrency) {
      this.#running += 1;
      return undefined;
    }
    if (this.#waiting.length >= queue) {
      throw this.overloaded(`Too many ${what} are running or waiting (${concurrency + queue})`);
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

  /** Hands the place to the one that has waited longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else this.#running -= 1;
  }
}
