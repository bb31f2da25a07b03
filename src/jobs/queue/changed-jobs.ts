import type { JobSignals } from './job-signals.ts';

/** How often jobs are looked at if notifications do not arrive, or the database is away. */
const LOOK_EVERY_MS = 1_000;

/** The jobs that have changed since somebody last asked. */
export class ChangedJobs {
  readonly #ids = new Set<string>();
  readonly #signals: JobSignals;
  readonly #unsubscribe: () => void;
  #isUnsure = true;
  #wake: () => void = () => undefined;

  /** @param only the job to hear of; by default all */
  constructor(signals: JobSignals, only?: string) {
    this.#signals = signals;
    this.#unsubscribe = signals.onJob({
      changed: (id) => {
        if (only !== undefined && id !== only) return;
        this.#ids.add(id);
        this.#wake();
      },
      reset: () => {
        this.#isUnsure = true;
        this.#wake();
      },
    });
  }

  /**
   * Waits for changes.
   *
   * @returns the ids of the jobs; undefined if any may have changed, as it is at first
   */
  async next(signal: AbortSignal): Promise<string[] | undefined> {
    while (!signal.aborted && !this.#isUnsure && this.#ids.size === 0) {
      await this.#pause(LOOK_EVERY_MS, signal);
      if (!this.#signals.isCurrent) this.#isUnsure = true;
    }
    const ids = this.#isUnsure ? undefined : [...this.#ids];
    this.#ids.clear();
    this.#isUnsure = false;
    return ids;
  }

  /** The changes could not be read, so they count as not heard. */
  async failed(signal: AbortSignal): Promise<void> {
    await this.#pause(LOOK_EVERY_MS, signal);
    this.#isUnsure = true;
  }

  /** Any may have changed. */
  doubt(): void {
    this.#isUnsure = true;
  }

  end(): void {
    this.#unsubscribe();
  }

  /** Waits for a change, at most some time. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', this.#wake, { once: true });
    if (signal.aborted) resolve();
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', this.#wake);
  }
}
