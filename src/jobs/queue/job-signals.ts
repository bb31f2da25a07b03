import type { ChangeFeed } from '../../db/row-cache/change-feed.ts';
import type { Lane } from './job.ts';

/** Hears which jobs have changed. */
export interface JobListener {
  changed(id: string): void;
  /** Called when any job may have changed unnoticed. */
  reset(): void;
}

/** How often the feed is asked for, so that it connects again if its connection is lost. */
const KEEP_CONNECTED_MS = 1_000;

/** Tells workers of new items, and those who follow jobs of changes, whichever process makes them. */
export class JobSignals {
  readonly #changes: ChangeFeed;
  readonly #jobs = new Set<JobListener>();
  readonly #work = new Map<Lane, Set<() => void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(changes: ChangeFeed) {
    this.#changes = changes;
    changes.subscribe({
      table: 'jobs',
      changed: (id) => {
        for (const listener of this.#jobs) listener.changed(id);
      },
      reset: () => {
        for (const listener of this.#jobs) listener.reset();
      },
    });
    changes.subscribe({
      // The migration's triggers name the lane.
      table: 'job_items',
      changed: (lane) => {
        for (const wake of this.#work.get(lane as Lane) ?? []) wake();
      },
      reset: () => {
        for (const listeners of this.#work.values()) for (const wake of listeners) wake();
      },
    });
    this.#timer = setInterval(() => void changes.isCurrent, KEEP_CONNECTED_MS).unref();
    void changes.isCurrent;
  }

  /** Whether nothing has gone unnoticed lately. Otherwise, whoever follows jobs should look for himself. */
  get isCurrent(): boolean {
    return this.#changes.isCurrent;
  }

  /** @returns a function that ends it */
  onJob(listener: JobListener): () => void {
    this.#jobs.add(listener);
    return () => void this.#jobs.delete(listener);
  }

  /**
   * @param wake called when there may be new items of a lane
   * @returns a function that ends it
   */
  onWork(lane: Lane, wake: () => void): () => void {
    const listeners = this.#work.get(lane) ?? new Set();
    this.#work.set(lane, listeners.add(wake));
    return () => void listeners.delete(wake);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }
}
