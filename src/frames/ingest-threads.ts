import { Worker } from 'node:worker_threads';
import { AppError } from '../errors.ts';

export interface IngestThreadsOptions {
  /** Threads, each with one log at a time. A log also holds a database connection. */
  concurrency: number;
  /** Uploads that may wait for a thread; past it one is refused at once. */
  queue: number;
}

/** A thread while it is used. */
export interface IngestThread {
  worker: Worker;
  /** Whether it has nothing of a log left and can take the next one. What is not is ended after use. */
  isIdle: boolean;
}

const RETRY_AFTER = 5;
/** V8's heap of a thread; rows and chunks lie outside of it. */
const MAX_HEAP_MB = 128;

/** A bounded pool of threads that read image logs. They are started when needed, and kept for the next log. */
export class IngestThreads {
  readonly #options: IngestThreadsOptions;
  readonly #idle: Worker[] = [];
  readonly #waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #busy = 0;
  #isClosing = false;

  constructor(options: IngestThreadsOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` with a thread of its own.
   * @throws AppError `overloaded` where too many wait
   * @throws the signal's reason, where it aborts while waiting
   */
  async use<T>(signal: AbortSignal, work: (thread: IngestThread) => Promise<T>): Promise<T> {
    await this.#enter(signal);
    const worker = this.#idle.pop() ?? this.#start();
    worker.ref();
    const thread = { worker, isIdle: true };
    try {
      return await work(thread);
    } finally {
      if (thread.isIdle && !this.#isClosing) this.#keep(worker);
      else await worker.terminate();
      this.#leave();
    }
  }

  /** Ends idle threads and refuses new work; busy threads end with their logs. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#overloaded());
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(new URL('./ingest-worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    // Who uses it listens, too; between two logs nobody does.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return worker;
  }

  #keep(worker: Worker): void {
    worker.unref();
    this.#idle.push(worker);
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#isClosing) throw this.#overloaded();
    if (this.#busy < this.#options.concurrency) {
      this.#busy += 1;
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
    else this.#busy -= 1;
  }

  #overloaded(): AppError {
    return new AppError('overloaded', `All places for image logs are taken; try again in ${RETRY_AFTER} s`, {
      retryAfter: RETRY_AFTER,
    });
  }
}
