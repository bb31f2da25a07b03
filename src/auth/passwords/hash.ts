import { Admission, type QueueStats } from '../../processes/admission.ts';
import {
  type Argon2Cost,
  type Argon2Hash,
  createHash,
  formatPhc,
  hasHash,
  isWeaker,
  parsePhc,
  workOf,
} from './argon2.ts';
import { MAX_PASSWORD_CHARACTERS } from './strength.ts';

/**
 * The cost of new hashes, chosen by `npm run bench -- passwords`: the most work that takes at most 50 ms. Two at a time need 62 MiB.
 * From 32 MiB on, glibc gets the memory anew for each hash, which costs the service more time and an attacker none. OWASP's minimum
 * is 19 MiB with 2 passes: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
export const PASSWORD_COST: Argon2Cost = { memory: 31 * 1024, passes: 3, parallelism: 1 };

/** argon2 runs on libuv's four threads, which files and DNS need as well. */
const CONCURRENCY = 2;
/** At most 2 s of work: a client does not wait longer for its log-in. */
const QUEUE = 64;

/** UTF-8 takes at most 4 bytes for a character. */
const MAX_PASSWORD_BYTES = 4 * MAX_PASSWORD_CHARACTERS;

const NEVER = new AbortController().signal;

export interface PasswordHasherOptions {
  /** The cost of new hashes. */
  cost?: Argon2Cost;
  /** Maximum argon2 that wait. */
  queue?: number;
}

/**
 * Hashes passwords with argon2id. At most two run at a time, and one for each client (`actAs`), so that guessing one account's
 * password does not hold up others. All methods throw AppError `overloaded` if too many wait.
 */
export class PasswordHasher {
  readonly #cost: Argon2Cost;
  readonly #admission: Admission;
  /** The hash that is compared if an account has no hash. */
  readonly #dummy: Argon2Hash;

  constructor({ cost = PASSWORD_COST, queue = QUEUE }: PasswordHasherOptions = {}) {
    this.#cost = cost;
    this.#dummy = { ...cost, salt: Buffer.alloc(16, 1), tag: Buffer.alloc(32) };
    this.#admission = new Admission({
      what: 'passwords',
      concurrency: CONCURRENCY,
      queue,
      maxPerClient: 1,
    });
  }

  /**
   * A new hash of a password, as a PHC string.
   *
   * @param signal gives up the place in the queue
   * @throws RangeError if the password has more than 1,024 bytes; `checkPassword` does not let one through
   */
  async hash(password: string, signal = NEVER): Promise<string> {
    const message = toMessage(password);
    if (message === undefined) throw new RangeError('The password is too long to be hashed');
    return formatPhc(await this.#admission.run(signal, () => createHash(message, this.#cost)));
  }

  /**
   * Whether a password has this hash, and if so, whether it should be hashed again at the present cost. It takes the same time for
   * every answer and every password, and nearly the same for a hash of less cost.
   *
   * @param phc the stored hash; null if there is no such account, or if it cannot be used with a password
   * @param signal gives up the place in the queue
   * @throws Error if the stored hash is broken
   */
  async verify(
    password: string,
    phc: string | null,
    signal = NEVER,
  ): Promise<{ matches: boolean; needsRehash: boolean }> {
    const hash = phc === null ? undefined : parsePhc(phc);
    // An over-long password is nobody's, so it is not hashed, however many megabytes it has.
    const message = toMessage(password);
    const isEqual = await this.#admission.run(signal, () =>
      this.#compare(message ?? Buffer.alloc(0), hash ?? this.#dummy),
    );
    const matches = isEqual && hash !== undefined && message !== undefined;
    return { matches, needsRehash: matches && isWeaker(hash, this.#cost) };
  }

  /** How full the queue is. */
  stats(): QueueStats {
    return this.#admission.stats();
  }

  /** Refuses waiting and new work. */
  close(): void {
    this.#admission.close();
  }

  async #compare(message: Buffer, hash: Argon2Hash): Promise<boolean> {
    const isEqual = await hasHash(message, hash);
    // A hash of less cost must not show that its account exists and is old.
    const memory = Math.floor((workOf(this.#cost) - workOf(hash)) / this.#cost.passes);
    const filler = { ...this.#cost, memory };
    if (memory >= 8 * filler.parallelism) await createHash(message, filler);
    return isEqual;
  }
}

/** The password's bytes; undefined if there are more than any password has. */
function toMessage(password: string): Buffer | undefined {
  if (password.length > MAX_PASSWORD_BYTES) return undefined;
  const message = Buffer.from(password);
  return message.length > MAX_PASSWORD_BYTES ? undefined : message;
}
