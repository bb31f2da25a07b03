import { Worker } from 'node:worker_threads';
import { Admission, type AdmissionOptions, type QueueStats } from '../../processes/admission.ts';

/** A thread while it is used. */
export interface IngestThread {
  worker: Worker;
  /** Whether it is finished with its log. A thread that is not idle after use is terminated. */
  isIdle: boolean;
}

/** V8's heap of a thread; rows and chunks are outside of it. */
const MAX_HEAP_MB = 128;

/** A bounded pool of threads that read image logs, one log at a time. They are started when needed and then kept. */
export class IngestThreads {
  readonly #admission: Admission;
  readonly #idle: Worker[] = [];
  #isClosing = false;

  constructor(options: Omit<AdmissionOptions, 'what'>) {
    this.#admission = new Admission({ what: 'image logs', ...options });
  }

  /**
   * Runs `work` with a thread that nobody else uses.
   * @throws AppError `overloaded` if the queue is full
   * @throws the signal's reason if it aborts while the work waits
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

  /** Terminates idle threads and refuses new work; busy threads end after their logs. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#admission.close();
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    // The session listens while a log is read; between two logs nobody else does.
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
