import { randomBytes } from 'node:crypto';
import { ConfigError } from '../../core/settings.ts';
import type { Database } from '../../db/database.ts';
import { PasswordHasher } from '../passwords/hash.ts';
import type { AuthSettings } from '../settings.ts';
import { AccessTokens } from '../tokens/access-tokens.ts';
import { KeyRing } from '../tokens/key-ring.ts';
import { RefreshTokens } from '../tokens/refresh-tokens.ts';
import { setupToken } from '../tokens/setup-token.ts';
import { Accounts } from './accounts.ts';
import { ApiKeyStore } from './api-keys.ts';
import { AuditLog } from './audit-log.ts';
import { Authenticator } from './authenticator.ts';
import { KeyUsage } from './key-usage.ts';
import { LogIn } from './log-in.ts';
import { LogInLimits } from './log-in-limits.ts';
import { SessionStore } from './sessions.ts';
import { UserStore } from './users.ts';
import { WorkerStore } from './workers.ts';

export type AuthOptions = AuthSettings & { PUBLIC_URL?: string };

interface Logger {
  warn(fields: object, message: string): void;
}

/**
 * Opens everything about users and credentials, and makes the first administrator if the settings name one.
 *
 * @throws ConfigError without a secret, or if the first administrator cannot be made
 */
export async function openAuth(database: Database, options: AuthOptions, log: Logger) {
  const { AUTH_MODE: mode, SECRET, PREVIOUS_SECRETS: previous } = options;
  if (mode === 'required' && SECRET === undefined) throw new ConfigError('SECRET is not set.');
  // Without authentication, tokens need not be valid in other processes or after a restart.
  const keys = new KeyRing([SECRET ?? randomBytes(32).toString('base64url'), ...previous]);
  const accessTokens = new AccessTokens(keys, {
    issuer: options.PUBLIC_URL ?? 'coreframe',
    seconds: options.ACCESS_TOKEN_SECONDS,
  });
  const users = new UserStore(database);
  const sessions = new SessionStore({ database, refreshTokens: new RefreshTokens(keys), settings: options });
  const hasher = new PasswordHasher();
  const limits = new LogInLimits({ pool: database.pool });
  const logIn = new LogIn({ users, sessions, hasher, limits });
  const accounts = new Accounts({
    keys,
    accessTokens,
    users,
    sessions,
    logIn,
    limits,
    hasher,
    settings: options,
  });
  if (mode === 'disabled') await users.ensureLocalUser();
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = options;
  if (email !== undefined && password !== undefined) await accounts.ensureAdmin(email, password);
  const needsFirstAdmin = mode === 'required' && (await users.needsFirstAdmin());
  const keyUsage = new KeyUsage(database.pool, log);
  return {
    mode,
    accounts,
    users,
    hasher,
    keyUsage,
    keys,
    workers: new WorkerStore(database),
    apiKeys: new ApiKeyStore(database),
    audit: new AuditLog(database),
    authenticator: new Authenticator({
      pool: database.pool,
      changes: database.changes,
      accessTokens,
      settings: options,
    }),
    /** With it, somebody can make the first administrator; undefined if there is one. */
    setupToken: needsFirstAdmin ? setupToken(keys) : undefined,
    async close() {
      hasher.close();
      await keyUsage.close();
    },
  };
}
