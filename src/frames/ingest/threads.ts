import { Worker } from 'node:worker_threads';
import { Admission, type QueueStats } from '../../processes/admission.ts';

export interface IngestThreadsOptions {
  /** Threads, each with one log at a time. A log also holds a database connection. */
  concurrency: number;
  /** Uploads that may wait for a thread; past it one is refused at once. */
  queue: number;
}

/** A thread while it is used. */
export interface IngestThread {
  worker: Worker;
  /** Whether it has nothing of a log left and can take the next one. A thread that is not idle after use is ended. */
  isIdle: boolean;
}

/** V8's heap of a thread; rows and chunks lie outside of it. */
const MAX_HEAP_MB = 128;

/** A bounded pool of threads that read image logs. They are started when needed, and kept for the next log. */
export class IngestThreads {
  readonly #admission: Admission;
  readonly #idle: Worker[] = [];
  #isClosing = false;

  constructor(options: IngestThreadsOptions) {
    this.#admission = new Admission({ what: 'image logs', ...options });
  }

  /**
   * Runs `work` with a thread of its own.
   * @throws AppError `overloaded` if too many wait
   * @throws the signal's reason, if it aborts while the work waits
   */
  async use<T>(signal: AbortSignal, work: (thread: IngestThread) => Promise<T>): Promise<T> {
    return this.#admission.run(signal, async () => {
      const worker = this.#idle.pop() ?? this.#start();
      worker.ref();
      const thread = { worker, isIdle: true };
      try {
        return await work(thread);
      } finally {
        if (thread.isIdle && !this.#isClosing) this.#keep(worker);
        else await worker.terminate();
      }
    });
  }

  stats(): QueueStats {
    return this.#admission.stats();
  }

  /** Ends idle threads and refuses new work; busy threads end with their logs. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#admission.close();
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    // Its user listens as well; between two logs nobody else does.
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
}
