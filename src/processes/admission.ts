import { AppError } from '../core/errors.ts';
import { currentClient, isInBackground } from './client.ts';
import { FairQueue, type Waiting } from './fair-queue.ts';

/** How full a queue is. */
export interface QueueStats {
  running: number;
  waiting: number;
  /** Maximum number running or waiting; beyond that, work is refused. */
  capacity: number;
  /** Whether there is a place, running or waiting, for a client that has none yet. */
  hasRoom: boolean;
}

export interface AdmissionOptions {
  /** The name of the work, in the plural: "image logs". */
  what: string;
  /** Maximum number running at the same time. */
  concurrency: number;
  /** Maximum number waiting. */
  queue: number;
  /** Maximum number that runs for one client. By default all. */
  maxPerClient?: number;
}

/** A place, or the wait for one. */
interface Place extends Waiting {
  isBackground: boolean;
  /** By `performance.now()`. */
  startedAt: number;
  start(): void;
  refuse(reason: unknown): void;
}

/** Until the first work has ended, the duration of the queue is unknown. */
const FIRST_RETRY_AFTER_MS = 5_000;
const MAX_RETRY_AFTER_S = 60;
/** Weight of ended work in the average, after each further one. */
const DECAY = 15 / 16;

/**
 * A bounded number of places with a bounded queue. Clients share both fairly. Work in the background gives way to everything else: it
 * starts if nothing else waits, and never takes the last of several places. Its queue is not bounded, because it brings its own bound.
 */
export class Admission {
  readonly #options: Required<AdmissionOptions>;
  readonly #waiting = new FairQueue<Place>();
  readonly #background = new FairQueue<Place>();
  readonly #running = new Set<Place>();
  /** Time and cost of work that has ended, whether it succeeded or not; recent work counts most. */
  #ended = { ms: 0, cost: 0 };
  #isClosed = false;

  constructor(options: AdmissionOptions) {
    this.#options = { maxPerClient: options.concurrency, ...options };
  }

  /**
   * Runs work for the current client as soon as there is a place for it. If the queue is full, a client that has more in it than
   * this one loses its most expensive work, which is refused as `overloaded`.
   *
   * @param cost of the work in comparison with other work, in any unit
   * @throws AppError `overloaded`: at once if there is no room, or later if the work has to give way to another client's
   * @throws the signal's reason if it aborts while the work waits
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>, cost = 1): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const place: Place = {
      client: currentClient(),
      isBackground: isInBackground(),
      cost,
      startedAt: 0,
      start: resolve,
      refuse: reject,
    };
    // If it need not wait, it starts synchronously.
    if (!this.#enter(place, signal)) await this.#wait(place, promise, signal);
    try {
      return await work();
    } finally {
      this.#leave(place);
    }
  }

  stats(): QueueStats {
    const { concurrency, queue } = this.#options;
    const running = this.#running.size;
    return {
      running,
      waiting: this.#waiting.size + this.#background.size,
      capacity: concurrency + queue,
      hasRoom: running < concurrency || this.#waiting.hasRoom(queue),
    };
  }

  /** Refuses waiting and new work. Running work continues. */
  close(): void {
    this.#isClosed = true;
    for (const place of [...this.#waiting.clear(), ...this.#background.clear()])
      place.refuse(this.overloaded('The service is shutting down', place.client));
  }

  /** The error for refused work of a client, with the time after which to try again. */
  overloaded(why: string, client = currentClient()): AppError {
    const seconds = Math.ceil(this.#waitMs(client) / 1000);
    const retryAfter = Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER_S);
    return new AppError('overloaded', `${why}; try again in ${retryAfter} s.`, { retryAfter });
  }

  /** Takes a place, or a place in the queue; true if it can start at once. */
  #enter(place: Place, signal: AbortSignal): boolean {
    signal.throwIfAborted();
    const { what, concurrency, queue } = this.#options;
    if (this.#isClosed) throw this.overloaded('The service is shutting down');
    if (this.#running.size < concurrency && this.#mayStart(place)) {
      this.#start(place);
      return true;
    }
    if (place.isBackground) {
      this.#background.add(place);
      return false;
    }
    const full = `Too many ${what} are running or waiting (${concurrency + queue})`;
    if (this.#waiting.size >= queue) {
      const other = this.#waiting.displaceFor(place.client);
      if (other === undefined) throw this.overloaded(full);
      other.refuse(this.overloaded(full, other.client));
    }
    this.#waiting.add(place, costOf(this.#runningOf(place.client)));
    return false;
  }

  async #wait(place: Place, turn: Promise<void>, signal: AbortSignal): Promise<void> {
    const abort = () => {
      (place.isBackground ? this.#background : this.#waiting).remove(place);
      place.refuse(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await turn;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #start(place: Place): void {
    place.startedAt = performance.now();
    this.#running.add(place);
    place.start();
  }

  #leave(place: Place): void {
    this.#running.delete(place);
    const ms = performance.now() - place.startedAt;
    this.#ended = { ms: this.#ended.ms * DECAY + ms, cost: this.#ended.cost * DECAY + place.cost };
    const next = this.#waiting.next((client) => this.#mayRun(client));
    if (next !== undefined) this.#start(next);
    this.#startBackground();
  }

  #mayStart({ client, isBackground }: Place): boolean {
    return isBackground ? this.#mayRunBackground() : this.#mayRun(client);
  }

  /** Starts what may start in the background now. */
  #startBackground(): void {
    while (this.#mayRunBackground()) {
      const next = this.#background.next((client) => this.#mayRun(client));
      if (next === undefined) return;
      this.#start(next);
    }
  }

  #mayRunBackground(): boolean {
    const { concurrency } = this.#options;
    const running = [...this.#running].filter(({ isBackground }) => isBackground).length;
    const isRoom = this.#running.size < concurrency && running < Math.max(1, concurrency - 1);
    return isRoom && this.#waiting.size === 0;
  }

  #mayRun(client: string): boolean {
    const { concurrency, maxPerClient } = this.#options;
    return maxPerClient >= concurrency || this.#runningOf(client).length < maxPerClient;
  }

  #runningOf(client: string): Place[] {
    return [...this.#running].filter((place) => place.client === client);
  }

  /** Estimated time until everything that runs, and everything that the client waits for, has ended. */
  #waitMs(client: string): number {
    const now = performance.now();
    const places = [...this.#running];
    const running = {
      ms: places.reduce((sum, { startedAt }) => sum + now - startedAt, 0),
      cost: costOf(places),
    };
    // Work that has run for longer than usual will not end sooner than usual.
    const perCost = Math.max(ratio(running), ratio(this.#ended));
    const { cost, clients } = this.#waiting.load(client);
    const estimate = ((running.cost + cost * Math.max(clients, 1)) * perCost) / this.#options.concurrency;
    return this.#ended.cost === 0 ? Math.max(estimate, FIRST_RETRY_AFTER_MS) : estimate;
  }
}

const costOf = (places: readonly Place[]): number => places.reduce((sum, { cost }) => sum + cost, 0);

const ratio = ({ ms, cost }: { ms: number; cost: number }): number => (cost === 0 ? 0 : ms / cost);
