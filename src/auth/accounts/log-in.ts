import { AppError } from '../../core/errors.ts';
import type { PasswordHasher } from '../passwords/hash.ts';
import { ROLE_SCOPES, type Scope } from '../scopes.ts';
import type { LogInLimits } from './log-in-limits.ts';
import { logInFailed, type OpenSession, type SessionStore } from './sessions.ts';
import type { Account, UserStore } from './users.ts';

/** Somebody who says who they are. */
export interface Claim {
  email: string;
  password: string;
  /** The address of the client. */
  address: string;
}

export interface LogInOptions {
  users: UserStore;
  sessions: SessionStore;
  hasher: PasswordHasher;
  limits: LogInLimits;
}

/** The one way in which passwords are checked: for log-ins, and before a user changes how to log in. */
export class LogIn {
  readonly #options: LogInOptions;

  constructor(options: LogInOptions) {
    this.#options = options;
  }

  /**
   * Checks a password. It takes equally long whether or not the account exists, is disabled or has a password.
   *
   * @param signal gives up the place in the queue
   * @throws AppError `log_in_failed`, `too_many_attempts`, `overloaded`
   */
  async verify({ email, password, address }: Claim, signal: AbortSignal): Promise<Account> {
    const { users, hasher, limits } = this.#options;
    const attempt = await limits.admit({ address, account: email });
    const account = await users.findAccount(email);
    const phc = account?.passwordHash ?? null;
    const { matches, needsRehash } = await attempt.run(() => hasher.verify(password, phc, signal));
    if (!matches || account === undefined || phc === null) {
      throw logInFailed();
    }
    await attempt.succeeded();
    if (!needsRehash) return account;
    const passwordHash = await hasher.hash(password);
    await users.rehash(account.id, phc, passwordHash);
    return { ...account, passwordHash };
  }

  /**
   * Begins a session.
   *
   * @param requested the scopes that the session is limited to; undefined for all that the user can have
   * @param client the User-Agent
   * @throws AppError as `verify`; `insufficient_scope` if the user cannot have a scope
   */
  async begin(
    claim: Claim,
    requested: readonly Scope[] | undefined,
    client: string,
    signal: AbortSignal,
  ): Promise<OpenSession> {
    const account = await this.verify(claim, signal);
    const allowed = ROLE_SCOPES[account.role];
    const missing = requested?.find((scope) => !allowed.includes(scope));
    if (missing !== undefined) {
      throw new AppError('insufficient_scope', `This user cannot have the scope ${missing}.`, {
        scope: missing,
      });
    }
    return this.#options.sessions.create(account, requested ?? allowed, client);
  }
}
