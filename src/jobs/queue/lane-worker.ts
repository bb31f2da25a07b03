import { randomUUID } from 'node:crypto';
import type { AppError } from '../../core/errors.ts';
import type { AttemptRef, ItemProblem, ItemProgress, Lane, LeasedItem } from './job.ts';
import type { JobListener } from './job-signals.ts';

export interface WorkerLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** The items of all jobs, as a worker sees them: in the database, or through an API. Methods fail while that is away. */
export interface ItemQueue<Item extends LeasedItem, Result> {
  /** Whether items of this lane wait that must run alone. */
  hasAlone(lane: Lane): Promise<boolean>;
  /**
   * Claims the next item.
   *
   * @param which `alone`: of the items that must run alone
   * @param leaseSeconds until when it must be renewed
   */
  claim(
    lane: Lane,
    workerId: string,
    leaseSeconds: number,
    which: 'alone' | 'others',
  ): Promise<Item | undefined>;
  /** Renews leases; gives the attempts that still hold their items, and whether their jobs are to be cancelled. */
  renew(
    items: readonly Item[],
    leaseSeconds: number,
  ): Promise<readonly (AttemptRef & { isCancelled: boolean })[]>;
  report(item: Item, progress: ItemProgress): Promise<boolean>;
  // Each of these gives false if the attempt no longer holds the item. Then nothing is changed.
  succeed(item: Item, result: Result): Promise<boolean>;
  fail(item: Item, problem: ItemProblem): Promise<boolean>;
  cancel(item: Item): Promise<boolean>;
  /** @param death set if the process of the item has died: the reason with which the item fails the third time */
  giveBack(item: Item, death?: ItemProblem): Promise<boolean>;
}

/** Tells a worker of new items and of changed jobs. Each method gives a function that ends it. */
export interface WorkSignals {
  onWork(lane: Lane, wake: () => void): () => void;
  onJob(listener: JobListener): () => void;
}

/** What the work on an item may use. */
export interface ItemContext {
  /** Aborted when the item is cancelled, its lease is lost or the process stops. */
  signal: AbortSignal;
  /** Reports progress; failures to do so are ignored. */
  report(progress: ItemProgress): Promise<void>;
}

/**
 * Works on an item. It may end the item itself, together with what it stores (`WorkQueue.succeed`); then it returns undefined.
 *
 * @throws AppError why the item fails
 */
export type ItemHandler<Item, Result> = (item: Item, context: ItemContext) => Promise<Result | undefined>;

export interface LaneWorkerOptions<Item extends LeasedItem, Result> {
  lane: Lane;
  /** Maximum number of items at the same time. */
  concurrency: number;
  leaseSeconds: number;
  /** Whether an attempt that runs when the process stops is ended instead of awaited. */
  abandonsAtStop: boolean;
  handle: ItemHandler<Item, Result>;
  queue: ItemQueue<Item, Result>;
  signals: WorkSignals;
  /** The public error for a failure; undefined for one that nobody has foreseen. */
  translate(error: unknown): AppError | undefined;
  log: WorkerLog;
  /** Called after each attempt with its outcome, and its duration. */
  observe(outcome: ItemOutcome, item: Item, seconds: number): void;
}

export type ItemOutcome = 'succeeded' | 'failed' | 'cancelled' | 'given_back' | 'refused';

/** Leases are renewed this many times before they expire. */
const RENEWALS_PER_LEASE = 4;
/** New items are looked for this often even if nothing tells of them. */
const LOOK_EVERY_MS = 5_000;
/** Cancelled jobs are looked for at most this often when jobs change. */
const CHECK_EVERY_MS = 500;
/** Pause after a failure that will pass, doubled each time. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;

/** The service itself is in trouble, so that every item would fail. */
export const PASSING_CODES: readonly string[] = [
  'overloaded',
  'database_unavailable',
  'storage_unavailable',
  'shutting_down',
];

/** The image process of an item was killed. It works on nothing else, so the item may be the reason: it may need too much memory. */
const KILLED: ItemProblem = {
  code: 'worker_lost',
  detail:
    'The image process that worked on this item was killed each time, as Linux does if memory runs out.',
};

class LeaseLost extends Error {}
class JobCancelled extends Error {}
class WorkerStopped extends Error {}

interface Running<Item> {
  item: Item;
  controller: AbortController;
  done: Promise<void>;
}

/**
 * Works on the items of one lane. It claims items until no more are queued, and is woken when new ones are. While an item runs, its
 * lease is renewed, so that no other process claims it.
 */
export class LaneWorker<Item extends LeasedItem, Result> {
  readonly #options: LaneWorkerOptions<Item, Result>;
  readonly #id = randomUUID();
  readonly #running = new Set<Running<Item>>();
  readonly #unsubscribe: (() => void)[];
  readonly #lookTimer: NodeJS.Timeout;
  readonly #renewTimer: NodeJS.Timeout;
  /** What claims items at the moment. */
  #claiming: Promise<void> | undefined;
  /** Somebody has woken it while it was claiming. */
  #isWoken = false;
  /** Items may be waiting that must run alone. */
  #mayHaveAlone = true;
  #pauseMs = 0;
  #pausedUntil = 0;
  #checkTimer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: LaneWorkerOptions<Item, Result>) {
    this.#options = options;
    const { lane, signals, leaseSeconds } = options;
    const lookForAll = () => {
      this.#mayHaveAlone = true;
      this.#wake();
    };
    this.#unsubscribe = [
      signals.onWork(lane, lookForAll),
      signals.onJob({ changed: (id) => this.#checkSoon(id), reset: () => undefined }),
    ];
    this.#lookTimer = setInterval(lookForAll, LOOK_EVERY_MS).unref();
    this.#renewTimer = setInterval(
      () => void this.#renew(),
      (leaseSeconds * 1000) / RENEWALS_PER_LEASE,
    ).unref();
    lookForAll();
  }

  stats(): { lane: Lane; running: number; capacity: number } {
    const { lane, concurrency } = this.#options;
    return { lane, running: this.#running.size, capacity: concurrency };
  }

  /** Claims nothing more. What runs goes on, unless it takes too long to wait for it. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    clearInterval(this.#lookTimer);
    if (this.#options.abandonsAtStop)
      for (const { controller } of this.#running) controller.abort(new WorkerStopped());
  }

  /** Stops, and waits until running items have ended or were given back. Meanwhile their leases are renewed. */
  async close(): Promise<void> {
    this.stop();
    await this.#claiming;
    await Promise.all([...this.#running].map(({ done }) => done));
    clearInterval(this.#renewTimer);
    clearTimeout(this.#checkTimer);
  }

  #wake(): void {
    this.#isWoken = true;
    if (this.#claiming !== undefined || this.#isStopping) return;
    this.#claiming = this.#claimAll().finally(() => {
      this.#claiming = undefined;
      if (this.#isWoken) this.#wake();
    });
  }

  /** Claims items until no more are queued or all places are taken. Never throws. */
  async #claimAll(): Promise<void> {
    const { queue, lane, leaseSeconds, concurrency, log } = this.#options;
    try {
      for (;;) {
        this.#isWoken = false;
        if (this.#isStopping || performance.now() < this.#pausedUntil) return;
        if ([...this.#running].some(({ item }) => item.isAlone)) return;
        if (this.#mayHaveAlone) {
          this.#mayHaveAlone = await queue.hasAlone(lane);
          // It will be looked for again when the last item has ended.
          if (this.#mayHaveAlone && this.#running.size > 0) return;
        }
        if (this.#running.size >= concurrency) return;
        const alone = this.#mayHaveAlone
          ? await queue.claim(lane, this.#id, leaseSeconds, 'alone')
          : undefined;
        const item = alone ?? (await queue.claim(lane, this.#id, leaseSeconds, 'others'));
        if (item === undefined) return;
        this.#mayHaveAlone = item.isAlone;
        this.#start(item);
      }
    } catch (error) {
      this.#pause();
      log.warn({ err: error }, 'no item of a job can be claimed at the moment');
    }
  }

  #start(item: Item): void {
    const controller = new AbortController();
    if (this.#isStopping) controller.abort(new WorkerStopped());
    const running: Running<Item> = { item, controller, done: Promise.resolve() };
    this.#running.add(running);
    running.done = this.#run(item, controller).finally(() => {
      this.#running.delete(running);
      this.#wake();
    });
  }

  /** Never throws. */
  async #run(item: Item, { signal }: AbortController): Promise<void> {
    const { handle, queue, observe, log } = this.#options;
    const start = performance.now();
    const report = async (progress: ItemProgress) => {
      await queue.report(item, progress).catch(() => undefined);
    };
    let outcome: ItemOutcome;
    try {
      const result = await handle(item, { signal, report });
      this.#pauseMs = 0;
      const isOurs = result === undefined || (await this.#insist(signal, () => queue.succeed(item, result)));
      outcome = isOurs ? 'succeeded' : 'refused';
    } catch (error) {
      outcome = await this.#endFailed(item, signal, error).catch((failure: unknown) => {
        // The lease will expire.
        log.warn(
          { err: failure, job: item.jobId, position: item.position },
          'the end of an item cannot be stored',
        );
        return 'refused';
      });
    }
    if (outcome === 'refused')
      log.warn(
        { job: item.jobId, position: item.position, attempt: item.attempt },
        'an attempt at an item came too late',
      );
    observe(outcome, item, (performance.now() - start) / 1000);
  }

  async #endFailed(item: Item, signal: AbortSignal, error: unknown): Promise<ItemOutcome> {
    const { queue, translate, log } = this.#options;
    const end = async (outcome: ItemOutcome, store: () => Promise<boolean>): Promise<ItemOutcome> =>
      (await this.#insist(signal, store)) ? outcome : 'refused';
    if (signal.aborted) {
      if (signal.reason instanceof LeaseLost) return 'refused';
      if (signal.reason instanceof JobCancelled) return end('cancelled', () => queue.cancel(item));
      return end('given_back', () => queue.giveBack(item));
    }
    const failure = translate(error);
    if (failure === undefined)
      log.warn({ err: error, job: item.jobId, position: item.position }, 'an item of a job failed');
    const problem = toProblem(failure);
    if (PASSING_CODES.includes(problem.code)) {
      this.#pause();
      return end('given_back', () => queue.giveBack(item));
    }
    const { code } = problem;
    if (code === 'decoder_crashed' || code === 'operation_interrupted') {
      const death = code === 'decoder_crashed' ? problem : KILLED;
      return end('given_back', () => queue.giveBack(item, death));
    }
    return end('failed', () => queue.fail(item, problem));
  }

  /** Stores the end of an item, again and again while the database is away. Meanwhile its lease is renewed. */
  async #insist(signal: AbortSignal, store: () => Promise<boolean>): Promise<boolean> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        return await store();
      } catch (error) {
        const { code } = toProblem(this.#options.translate(error));
        const isLost = signal.aborted && signal.reason instanceof LeaseLost;
        if (this.#isStopping || isLost || !PASSING_CODES.includes(code)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  /** Renews the leases of all running items, and stops those that are cancelled or no longer ours. */
  async #renew(): Promise<void> {
    const { queue, leaseSeconds } = this.#options;
    const before = [...this.#running];
    if (before.length === 0) return;
    const held = await queue
      .renew(
        before.map(({ item }) => item),
        leaseSeconds,
      )
      .catch(() => undefined);
    // The database is away. If it comes back in time, nobody else has claimed them.
    if (held === undefined) return;
    for (const { item, controller } of before) {
      const found = held.find(({ jobId, position }) => jobId === item.jobId && position === item.position);
      if (found === undefined) controller.abort(new LeaseLost());
      else if (found.isCancelled) controller.abort(new JobCancelled());
    }
  }

  /** Looks soon whether a job that has changed was cancelled. */
  #checkSoon(jobId: string): void {
    const isOurs = [...this.#running].some(({ item }) => item.jobId === jobId);
    if (!isOurs || this.#checkTimer !== undefined) return;
    this.#checkTimer = setTimeout(() => {
      this.#checkTimer = undefined;
      void this.#renew();
    }, CHECK_EVERY_MS).unref();
  }

  /** Claims nothing for a while, because the service is in trouble. */
  #pause(): void {
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), MAX_PAUSE_MS);
    this.#pausedUntil = performance.now() + this.#pauseMs;
    setTimeout(() => this.#wake(), this.#pauseMs + 1).unref();
  }
}

/** The public part of a failure. */
export function toProblem(failure: AppError | undefined): ItemProblem {
  if (failure === undefined)
    return { code: 'internal_error', detail: 'The item failed; the log of the server has the reason.' };
  const { code, detail, errors } = failure;
  return { code, detail, ...(errors.length > 0 ? { errors } : {}) };
}
