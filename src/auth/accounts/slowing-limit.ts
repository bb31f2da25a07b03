import type { Pool } from 'pg';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { toAppError } from '../../db/database.ts';

/** How many attempts are admitted at once, and how many when those are used up. */
export interface Pace {
  /** Attempts in a window without any wait. */
  burst: number;
  windowSeconds: number;
  /** After them, one attempt in this many seconds. */
  everySeconds: number;
}

/** An admitted attempt. */
export interface Admitted {
  /** Gives the point back, because the attempt was not a guess. */
  giveBack(): Promise<void>;
}

/** A refused attempt. */
export interface Refused {
  /** Seconds until the next attempt can be admitted; at least 1. */
  retryAfter: number;
}

/** Milliseconds become whole seconds that are not too short. */
const toRetryAfter = (ms: number): number => Math.max(1, Math.ceil(ms / 1000));

/**
 * Seconds for which a process refuses a burst that is used up without asking the database. It is short, because others may give
 * points back.
 */
const REMEMBER_SECONDS = 1;

export const ATTEMPTS_TABLE = 'log_in_attempts';

/** The options that all counts in this table share. Only one of them should clean up. */
export const attemptsIn = (pool: Pool) => ({
  storeClient: pool,
  storeType: 'pool',
  tableName: ATTEMPTS_TABLE,
  tableCreated: true,
  clearExpiredByTimeout: false,
});

/**
 * A limit that slows down and never locks: when the burst is used up, attempts are admitted at a steady pace. All processes with
 * this database share the counts.
 */
export class SlowingLimit {
  readonly #burst: RateLimiterPostgres;
  readonly #steady: RateLimiterPostgres;

  /** @param name of the limit, which begins the keys of its rows */
  constructor(pool: Pool, name: string, { burst, windowSeconds, everySeconds }: Pace) {
    this.#burst = new RateLimiterPostgres({
      ...attemptsIn(pool),
      keyPrefix: name,
      points: burst,
      duration: windowSeconds,
      inMemoryBlockOnConsumed: burst + 1,
      inMemoryBlockDuration: REMEMBER_SECONDS,
    });
    this.#steady = new RateLimiterPostgres({
      ...attemptsIn(pool),
      keyPrefix: `${name}_steady`,
      points: 1,
      duration: everySeconds,
      inMemoryBlockOnConsumed: 1,
    });
  }

  /**
   * Counts an attempt against the burst.
   *
   * @returns undefined if the burst is used up; then `admitSteadily` may admit it
   * @throws AppError `database_unavailable`
   */
  async admitInBurst(key: string): Promise<Admitted | undefined> {
    const refusal = await consume(this.#burst, key);
    if (refusal !== undefined) return undefined;
    return { giveBack: () => reward(this.#burst, key) };
  }

  /**
   * Admits one attempt in each interval.
   *
   * @throws AppError `database_unavailable`
   */
  async admitSteadily(key: string): Promise<Admitted | Refused> {
    const refusal = await consume(this.#steady, key);
    if (refusal !== undefined) return { retryAfter: toRetryAfter(refusal.msBeforeNext) };
    // The point is worth a few seconds, after which it is forgotten anyway.
    return { giveBack: async () => undefined };
  }

  /** Both in turn. */
  async admit(key: string): Promise<Admitted | Refused> {
    return (await this.admitInBurst(key)) ?? (await this.admitSteadily(key));
  }
}

/** The refusal; undefined if the point could be consumed. */
async function consume(limiter: RateLimiterPostgres, key: string): Promise<RateLimiterRes | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (reason) {
    if (reason instanceof RateLimiterRes) return reason;
    throw toAppError(reason) ?? reason;
  }
}

async function reward(limiter: RateLimiterPostgres, key: string): Promise<void> {
  try {
    await limiter.reward(key);
  } catch (error) {
    throw toAppError(error) ?? error;
  }
}
