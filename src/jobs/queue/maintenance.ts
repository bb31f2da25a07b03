import { toAppError } from '../../db/database.ts';
import type { WorkQueue } from './work-queue.ts';

interface MaintenanceOptions {
  queue: WorkQueue;
  leaseSeconds: number;
  retentionSeconds: number;
  /** Called with the SHA-256 of bytes that may be gone. */
  forget(sha256s: readonly Buffer[]): void;
  log: { warn(details: object, message: string): void };
}

const MAX_EVERY_MS = 5_000;
/** Runs of maintenance in the time of a lease, at least. */
const RUNS_PER_LEASE = 4;
/** Shorter pauses than this are those of a busy processor. */
const MIN_STANDSTILL_MS = 1_500;

/** What every process does regularly for all jobs: gives expired leases back, ends hopeless items, deletes what is old. */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #timer: NodeJS.Timeout;
  /** How many it has given back. */
  expiredLeases = 0;
  #run: Promise<void> = Promise.resolve();
  #isRunning = false;
  /** When it was last begun, by `performance.now()`. */
  #begunAt = performance.now();
  /** Until then, processes may renew the leases that expired while the database was away, or this machine slept. */
  #reapsFrom = 0;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const every = Math.min(MAX_EVERY_MS, this.#leaseMs / RUNS_PER_LEASE);
    this.#timer = setInterval(() => this.#start(), every).unref();
    this.#start();
  }

  get #leaseMs(): number {
    return this.#options.leaseSeconds * 1000;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#run;
  }

  #start(): void {
    const now = performance.now();
    const standstill = Math.max(MIN_STANDSTILL_MS, 0.75 * this.#leaseMs);
    if (now - this.#begunAt > standstill) this.#waitForRenewals();
    this.#begunAt = now;
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run = this.#maintain()
      .catch((error: unknown) => {
        if (toAppError(error)?.code === 'database_unavailable') this.#waitForRenewals();
        this.#options.log.warn({ err: error }, 'jobs cannot be looked after at the moment');
      })
      .finally(() => {
        this.#isRunning = false;
      });
  }

  #waitForRenewals(): void {
    this.#reapsFrom = performance.now() + this.#leaseMs;
  }

  async #maintain(): Promise<void> {
    const { queue, leaseSeconds, retentionSeconds, forget, log } = this.#options;
    if (performance.now() >= this.#reapsFrom) {
      const count = await queue.reap(leaseSeconds);
      this.expiredLeases += count;
      if (count > 0)
        log.warn({ items: count }, 'the leases of items expired: their process has died or stopped');
    }
    await queue.endHopeless();
    await queue.forgetTurns();
    forget(await queue.dropInputs());
    while ((await queue.deleteOld(retentionSeconds)) > 0);
  }
}
