import { AppError } from '../../core/errors.ts';
import { ConfigError } from '../../core/settings.ts';
import type { PasswordHasher } from '../passwords/hash.ts';
import { checkPassword } from '../passwords/strength.ts';
import type { AuthSettings } from '../settings.ts';
import type { AccessTokens } from '../tokens/access-tokens.ts';
import type { KeyRing } from '../tokens/key-ring.ts';
import { isSetupToken } from '../tokens/setup-token.ts';
import type { LogIn } from './log-in.ts';
import type { LogInLimits } from './log-in-limits.ts';
import type { SessionStore } from './sessions.ts';
import type { NewUser, User, UserChanges, UserStore } from './users.ts';

interface AccountsOptions {
  keys: KeyRing;
  accessTokens: AccessTokens;
  users: UserStore;
  sessions: SessionStore;
  logIn: LogIn;
  limits: LogInLimits;
  hasher: PasswordHasher;
  settings: Pick<AuthSettings, 'REGISTRATION' | 'STORAGE_QUOTA_BYTES'>;
}

/** How accounts come into being and change: every new password is checked and hashed here. */
export class Accounts {
  readonly accessTokens: AccessTokens;
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly logIn: LogIn;
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.accessTokens = options.accessTokens;
    this.users = options.users;
    this.sessions = options.sessions;
    this.logIn = options.logIn;
  }

  /**
   * Makes the first administrator.
   *
   * @throws AppError `invalid_credential` without the right token; `already_set_up`, `email_taken`, `validation_failed`,
   *   `too_many_attempts`
   */
  async setUp(
    token: string,
    { email, password, address }: { email: string; password: string; address: string },
  ): Promise<User> {
    const { keys, users, limits, hasher } = this.#options;
    await limits.admitSignUp(address);
    if (!isSetupToken(keys, token))
      throw new AppError('invalid_credential', 'The set-up token is not valid.');
    if (!(await users.needsFirstAdmin())) throw alreadySetUp();
    await checkPassword(password, { email });
    const admin = await users.createFirstAdmin(email, await hasher.hash(password));
    if (!admin) throw alreadySetUp();
    return admin;
  }

  /**
   * Makes the first administrator from the settings, unless an administrator exists.
   *
   * @throws AppError `validation_failed`; ConfigError if another user has the e-mail address
   */
  async ensureAdmin(email: string, password: string): Promise<void> {
    const { users, hasher } = this.#options;
    if (!(await users.needsFirstAdmin())) return;
    await checkPassword(password, { email, path: '/ADMIN_PASSWORD' });
    try {
      await users.createFirstAdmin(email, await hasher.hash(password));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'email_taken') throw error;
      throw new ConfigError(
        'ADMIN_EMAIL is the address of a user who is not an administrator. Choose another one.',
        { cause: error },
      );
    }
  }

  /**
   * Creates an account for somebody who asks for it. The password is hashed whether or not the address is taken.
   *
   * @throws AppError `registration_closed`, `too_many_attempts`, `validation_failed`, `email_taken`
   */
  async signUp(
    { email, password, name, address }: { email: string; password: string; name: string; address: string },
    signal: AbortSignal,
  ): Promise<User> {
    const { users, limits, hasher, settings } = this.#options;
    if (settings.REGISTRATION !== 'open') {
      throw new AppError('registration_closed', 'Only administrators create users here.');
    }
    await limits.admitSignUp(address);
    await checkPassword(password, { email, name });
    const passwordHash = await hasher.hash(password, signal);
    return users.create({ email, name, role: 'user', passwordHash, storageQuotaBytes: this.#defaultQuota });
  }

  /** @throws AppError `validation_failed`, `email_taken` */
  async create({
    password,
    storageQuotaBytes = this.#defaultQuota,
    ...user
  }: Omit<NewUser, 'passwordHash' | 'storageQuotaBytes'> & {
    password: string | undefined;
    storageQuotaBytes: number | null | undefined;
  }): Promise<User> {
    const { users, hasher } = this.#options;
    if (password !== undefined) await checkPassword(password, user);
    const passwordHash = password === undefined ? null : await hasher.hash(password);
    return users.create({ ...user, storageQuotaBytes, passwordHash });
  }

  /**
   * Changes a user for an administrator.
   *
   * @throws AppError `not_found`, `validation_failed`, `email_taken`, `last_admin`
   */
  async update(
    id: string,
    changes: Omit<UserChanges, 'passwordHash'>,
    password: string | undefined,
  ): Promise<User> {
    const { users, hasher } = this.#options;
    if (password === undefined) return users.update(id, changes);
    const { email, name } = await users.get(id);
    await checkPassword(password, { email, name, ...changes });
    return users.update(id, { ...changes, passwordHash: await hasher.hash(password) });
  }

  /**
   * Changes the password of a user who knows the present one. All sessions end, except one that may be named.
   *
   * @throws AppError `log_in_failed`, `too_many_attempts`, `validation_failed`
   */
  async changePassword(
    user: User,
    { current, next, address }: { current: string; next: string; address: string },
    keptSession: string | undefined,
    signal: AbortSignal,
  ): Promise<User> {
    const { users, hasher, logIn } = this.#options;
    await logIn.verify({ email: user.email, password: current, address }, signal);
    await checkPassword(next, { ...user, path: '/new_password' });
    return users.update(user.id, { passwordHash: await hasher.hash(next, signal) }, keptSession);
  }

  get #defaultQuota(): number | null {
    return this.#options.settings.STORAGE_QUOTA_BYTES ?? null;
  }
}

function alreadySetUp(): AppError {
  return new AppError('already_set_up', 'There is an administrator who can log in.');
}
