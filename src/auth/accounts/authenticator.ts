import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type pg from 'pg';
import { AppError } from '../../core/errors.ts';
import type { ChangeFeed } from '../../db/row-cache/change-feed.ts';
import type { OwnerId } from '../owner.ts';
import type { Principal } from '../principal.ts';
import { ROLE_SCOPES, type Role, type Scope } from '../scopes.ts';
import type { AuthSettings } from '../settings.ts';
import type { AccessTokens } from '../tokens/access-tokens.ts';
import { isApiKey } from '../tokens/api-key-format.ts';
import { hashCredential } from '../tokens/hash-credential.ts';

/** One KB each. */
const KNOWN_PRINCIPALS = 10_000;

/** Limits how long a change goes unnoticed that was made while triggers were off (a restore, TRUNCATE). */
const MAX_AGE_MS = 60_000;

/** A principal that was read from the database, and for how long it may be used. */
interface Known {
  principal: Principal;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

interface AuthenticatorOptions {
  pool: pg.Pool;
  changes: ChangeFeed;
  accessTokens: AccessTokens;
  settings: Pick<AuthSettings, 'SESSION_IDLE_SECONDS'>;
}

interface UserColumns {
  userId: OwnerId;
  role: Role;
}

/**
 * Finds out who sends a credential. The answers are kept in memory, by the SHA-256 of the whole credential, until the user, the
 * session or the key changes in any process (see `db/row-cache/README.md`).
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #known = new LRUCache<string, Known>({
    max: KNOWN_PRINCIPALS,
    ttl: MAX_AGE_MS,
    ttlResolution: 1_000,
  });
  /** Number of notifications so far. A principal that was read while one arrived may be stale. */
  #changes = 0;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    for (const table of ['users', 'sessions', 'api_keys']) {
      options.changes.subscribe({
        table,
        changed: (id) => {
          this.#changes += 1;
          for (const [key, { principal }] of this.#known.entries()) {
            const { credential } = principal;
            if (principal.id === id || ('id' in credential && credential.id === id)) this.#known.delete(key);
          }
        },
        reset: () => {
          this.#changes += 1;
          this.#known.clear();
        },
      });
    }
  }

  /**
   * @param credential an access token or an API key
   * @throws AppError `invalid_credential`
   */
  async authenticate(credential: string): Promise<Principal> {
    const key = hash('sha256', credential, 'base64');
    const known = this.#known.get(key);
    if (known && known.expiresAt > Date.now() && this.#options.changes.isCurrent) return known.principal;
    const before = this.#changes;
    const found = isApiKey(credential)
      ? await this.#findKey(hashCredential(credential))
      : await this.#findSession(credential);
    if (this.#changes === before) this.#known.set(key, found);
    return found.principal;
  }

  async #findKey(hash: Buffer): Promise<Known> {
    const { rows } = await this.#options.pool.query<
      UserColumns & { id: string; scopes: Scope[]; expiresAt: Date | null }
    >({
      name: 'principal-of-key',
      text: `SELECT k.id, k.scopes, k.expires_at AS "expiresAt", u.id AS "userId", u.role
        FROM api_keys k JOIN users u ON u.id = k.user_id
        WHERE k.hash = $1 AND u.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`,
      values: [hash],
    });
    const [row] = rows;
    if (!row) throw new AppError('invalid_credential', 'The API key is not valid.');
    const { id, scopes, expiresAt, ...user } = row;
    return {
      principal: toPrincipal(user, scopes, { type: 'api_key', id, expiresAt }),
      expiresAt: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    };
  }

  async #findSession(token: string): Promise<Known> {
    const { userId, sessionId, scopes, expiresAt } = await this.#options.accessTokens.verify(token);
    const { pool, settings } = this.#options;
    const { rows } = await pool.query<UserColumns & { endsAt: Date }>({
      name: 'principal-of-session',
      text: `SELECT "userId", role, "endsAt" FROM (
          SELECT u.id AS "userId", u.role, least(s.expires_at, s.rotated_at + make_interval(secs => $3)) AS "endsAt"
          FROM sessions s JOIN users u ON u.id = s.user_id
          WHERE s.id = $1 AND u.id = $2 AND u.disabled_at IS NULL
        ) AS session WHERE "endsAt" > now()`,
      values: [sessionId, userId, settings.SESSION_IDLE_SECONDS],
    });
    const [row] = rows;
    if (!row) throw new AppError('invalid_credential', 'The session of this access token has ended.');
    const { endsAt, ...user } = row;
    return {
      principal: toPrincipal(user, scopes, { type: 'session', id: sessionId }),
      expiresAt: Math.min(expiresAt.getTime(), endsAt.getTime()),
    };
  }
}

/** A user who is no longer an administrator loses the scopes of administrators, whatever the credential says. */
function toPrincipal(
  { userId, role }: UserColumns,
  scopes: readonly Scope[],
  credential: Principal['credential'],
): Principal {
  const allowed = ROLE_SCOPES[role];
  return {
    id: userId,
    role,
    scopes: new Set(scopes.filter((scope) => allowed.includes(scope))),
    credential,
    actingFor: null,
  };
}
