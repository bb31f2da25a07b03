import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { RateLimiterPostgres } from 'rate-limiter-flexible';
import { AppError } from '../../core/errors.ts';
import { toAppError } from '../../db/database.ts';
import { actAs, clientOf } from '../../processes/client.ts';
import { normalizeEmail } from './normalize-email.ts';
import { type Admitted, attemptsIn, type Pace, type Refused, SlowingLimit } from './slowing-limit.ts';

const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;

/** What is counted, and how much of it is admitted. */
export interface LogInPaces {
  /** Attempts from one network (`clientOf`), on whatever account. */
  address: Pace;
  /** Attempts from one network on one account. */
  pair: Pace;
  /** Attempts on one account, from wherever. */
  account: Pace;
  /** Accounts created from one network. */
  signUp: Pace;
}

/**
 * Successful attempts are given back, so these are failures. A password that `checkPassword` accepts takes at least 10^8 guesses: at an
 * account's steady pace, that is 15 years.
 */
const PACES: LogInPaces = {
  // An office behind one address makes some mistakes at nine o'clock. Somebody who tries one password on every account is stopped.
  address: { burst: 30, windowSeconds: 10 * MINUTE, everySeconds: 30 },
  // More than a person tries before looking the password up.
  pair: { burst: 10, windowSeconds: 10 * MINUTE, everySeconds: 10 },
  // More than `pair`, so that one network alone cannot slow an account down for others.
  account: { burst: 20, windowSeconds: 10 * MINUTE, everySeconds: 5 },
  // Each account is a row and a quota.
  signUp: { burst: 10, windowSeconds: 60 * MINUTE, everySeconds: 5 * MINUTE },
};

/** A network from which an account was logged in to is remembered for this long after the last time. */
const KNOWN_PAIR_SECONDS = 30 * DAY;

export interface LogInLimitsOptions {
  pool: Pool;
  /** Other paces than the usual ones. */
  paces?: Partial<LogInPaces>;
}

/** An attempt to log in that may go on to compare the password. */
export interface Attempt {
  /**
   * Runs the comparison. In queues, all attempts from networks from which the account has not been used count as one client. So an
   * attack on any number of accounts from any number of networks runs one comparison at a time, and does not keep out those who log
   * in from where they did before.
   */
  run<T>(compare: () => Promise<T>): Promise<T>;
  /**
   * Gives back what the attempt has consumed, and remembers that the account is used from this network.
   *
   * @throws AppError `database_unavailable`
   */
  succeeded(): Promise<void>;
}

/**
 * Limits attempts to guess passwords. All processes with this database share the counts. Attempts are counted before the password is
 * compared, so no number of parallel attempts exceeds a limit. Nobody is locked out: when a burst is used up, attempts are
 * admitted slowly. An attack on an account from elsewhere does not slow down networks from which it was logged in to before.
 *
 * If the database is lost, nothing is admitted.
 */
export class LogInLimits {
  readonly #address: SlowingLimit;
  readonly #pair: SlowingLimit;
  readonly #account: SlowingLimit;
  readonly #signUp: SlowingLimit;
  readonly #knownPairs: RateLimiterPostgres;

  constructor({ pool, paces }: LogInLimitsOptions) {
    const { address, pair, account, signUp } = { ...PACES, ...paces };
    this.#address = new SlowingLimit(pool, 'address', address);
    this.#pair = new SlowingLimit(pool, 'pair', pair);
    this.#account = new SlowingLimit(pool, 'account', account);
    this.#signUp = new SlowingLimit(pool, 'sign_up', signUp);
    this.#knownPairs = new RateLimiterPostgres({
      ...attemptsIn(pool),
      keyPrefix: 'known',
      points: 1,
      duration: KNOWN_PAIR_SECONDS,
      // It deletes the expired rows of all limits, because they share the table.
      clearExpiredByTimeout: true,
    });
  }

  /**
   * Counts an attempt to log in, before anything is known about the account.
   *
   * @param attempt.address of the client
   * @param attempt.account the e-mail address as it was sent; the account need not exist
   * @throws AppError `too_many_attempts` with the seconds after which the next attempt can be admitted
   * @throws AppError `database_unavailable`
   */
  async admit(attempt: { address: string; account: string }): Promise<Attempt> {
    const network = clientOf(attempt.address);
    const email = normalizeEmail(attempt.account);
    // E-mail addresses do not lie in the table.
    const account = digest(email);
    const pair = digest(`${network} ${email}`);
    const admitted = [
      orThrow(await this.#address.admit(network), 'from this network'),
      orThrow(await this.#pair.admit(pair), 'with this e-mail address'),
    ];
    const isKnown = await this.#isKnown(pair);
    admitted.push(orThrow(await this.#admitToAccount(account, isKnown), 'with this e-mail address'));
    return {
      run: (compare) => actAs(isKnown ? `account ${account}` : 'unknown networks', compare),
      succeeded: async () => {
        await Promise.all([this.#remember(pair), ...admitted.map(({ giveBack }) => giveBack())]);
      },
    };
  }

  /**
   * Counts an attempt to create an account.
   *
   * @throws AppError `too_many_attempts` with the seconds after which the next attempt can be admitted
   * @throws AppError `database_unavailable`
   */
  async admitSignUp(address: string): Promise<void> {
    orThrow(await this.#signUp.admit(clientOf(address)), 'to sign up from this network');
  }

  async #admitToAccount(account: string, isKnown: boolean): Promise<Admitted | Refused> {
    const admitted = await this.#account.admitInBurst(account);
    if (admitted !== undefined) return admitted;
    if (isKnown) return { giveBack: async () => undefined };
    return this.#account.admitSteadily(account);
  }

  async #isKnown(pair: string): Promise<boolean> {
    try {
      return (await this.#knownPairs.get(pair)) !== null;
    } catch (error) {
      throw toAppError(error) ?? error;
    }
  }

  async #remember(pair: string): Promise<void> {
    try {
      await this.#knownPairs.set(pair, 1, KNOWN_PAIR_SECONDS);
    } catch (error) {
      throw toAppError(error) ?? error;
    }
  }
}

/** The same for every account, so it does not tell which accounts exist. */
function orThrow(result: Admitted | Refused, where: string): Admitted {
  if (!('retryAfter' in result)) return result;
  const { retryAfter } = result;
  throw new AppError('too_many_attempts', `Too many attempts ${where}; try again in ${retryAfter} s.`, {
    retryAfter,
  });
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
