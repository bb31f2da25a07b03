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

/** Seconds after which one who was refused should try again. */
const RETRY_AFTER = 5;

/** A bounded number of places, and a bounded queue before them. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #running = 0;
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
    await this.#enter(signal);
    try {
      return await work();
    } finally {
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
    for (const { reject } of this.#waiting.splice(0)) reject(this.#overloaded());
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#isClosed) throw this.#overloaded();
    if (this.#running < this.#options.concurrency) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#options.queue) throw this.#overloaded();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = { resolve, reject };
    const abort = () => {
      const at = this.#waiting.indexOf(entry);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    this.#waiting.push(entry);
    signal.addEventListener('abort', abort, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', abort));
  }

  /** Hands the place on to who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else this.#running -= 1;
  }

  #overloaded(): AppError {
    return new AppError(
      'overloaded',
      `All places for ${this.#options.what} are taken; try again in ${RETRY_AFTER} s.`,
      { retryAfter: RETRY_AFTER },
    );
  }
}
