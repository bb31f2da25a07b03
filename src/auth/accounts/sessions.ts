import { randomUUID } from 'node:crypto';
import { decodeTimeCursor, type Page, type PageOptions, toTimePage } from '../../core/cursor.ts';
import { AppError } from '../../core/errors.ts';
import type { Database } from '../../db/database.ts';
import type { OwnerId } from '../owner.ts';
import type { Scope } from '../scopes.ts';
import type { AuthSettings } from '../settings.ts';
import type { RefreshTokens } from '../tokens/refresh-tokens.ts';
import type { Account } from './users.ts';

/** For so long, a refresh token that was used gives the same successor again: two tabs may use it at once. */
const REPLAY_SECONDS = 20;
/** Sessions of one user. The log-in after that ends the oldest one. */
const MAX_SESSIONS = 100;

export interface Session {
  id: string;
  scopes: Scope[];
  client: string;
  createdAt: Date;
  /** When its refresh token was last used. */
  rotatedAt: Date;
  expiresAt: Date;
}

const COLUMNS =
  'id, scopes, client, created_at AS "createdAt", rotated_at AS "rotatedAt", expires_at AS "expiresAt"';

/** A session with a refresh token that is valid now. */
export interface OpenSession {
  id: string;
  userId: OwnerId;
  scopes: Scope[];
  refreshToken: string;
}

export interface SessionStoreOptions {
  database: Database;
  refreshTokens: RefreshTokens;
  settings: Pick<AuthSettings, 'SESSION_IDLE_SECONDS' | 'SESSION_MAX_SECONDS'>;
}

/**
 * Sessions: what a log-in begins, and what ends with a log-out, after some time, or if a refresh token is used a second time after
 * its successor. Nothing of a refresh token is stored: it is an HMAC of the session and its generation.
 */
export class SessionStore {
  readonly #options: SessionStoreOptions;

  constructor(options: SessionStoreOptions) {
    this.#options = options;
  }

  /**
   * Begins a session of a user whose password was compared. If the password was changed or the user disabled in the meantime, none
   * begins: that change has ended the sessions, and this one would be left.
   *
   * @param client the User-Agent, by which people recognise the session
   * @throws AppError `log_in_failed`
   */
  async create(
    { id: userId, passwordHash }: Account,
    scopes: readonly Scope[],
    client: string,
  ): Promise<OpenSession> {
    const { database, refreshTokens, settings } = this.#options;
    const id = randomUUID();
    // The lock makes a change of the password wait, so that it ends this session.
    const { rowCount } = await database.pool.query(
      `WITH ended AS (
         DELETE FROM sessions WHERE user_id = $2 AND (expires_at < now() OR rotated_at < now() - make_interval(secs => $6)
           OR id IN (SELECT id FROM sessions WHERE user_id = $2 ORDER BY created_at DESC, id DESC OFFSET $7))
       ), account AS (
         SELECT id FROM users WHERE id = $2 AND password_hash = $8 AND disabled_at IS NULL FOR SHARE
       )
       INSERT INTO sessions (id, user_id, scopes, client, expires_at)
       SELECT $1, id, $3, $4, now() + make_interval(secs => $5) FROM account`,
      [
        id,
        userId,
        scopes,
        client.slice(0, 200).toWellFormed(),
        settings.SESSION_MAX_SECONDS,
        settings.SESSION_IDLE_SECONDS,
        MAX_SESSIONS - 1,
        passwordHash,
      ],
    );
    if (rowCount === 0) throw logInFailed();
    return { id, userId, scopes: [...scopes], refreshToken: refreshTokens.issue(id, 0) };
  }

  /**
   * Uses a refresh token: it gives its successor. The same token gives the same successor for 20 s. After that, somebody else may
   * have the token, so the session ends.
   *
   * @throws AppError `invalid_credential`
   */
  async rotate(token: string): Promise<OpenSession> {
    const { database, refreshTokens, settings } = this.#options;
    const read = refreshTokens.read(token);
    if (!read) throw new AppError('invalid_credential', 'The refresh token is not valid.');
    const { sessionId: id, generation } = read;
    const { rows } = await database.pool.query<{ userId: OwnerId; scopes: Scope[] }>(
      `UPDATE sessions SET generation = generation + 1, rotated_at = now()
       WHERE id = $1 AND generation = $2 AND expires_at > now() AND rotated_at > now() - make_interval(secs => $3)
         AND EXISTS (SELECT FROM users WHERE users.id = user_id AND disabled_at IS NULL)
       RETURNING user_id AS "userId", scopes`,
      [id, generation, settings.SESSION_IDLE_SECONDS],
    );
    const session = rows[0] ?? (await this.#replay(id, generation));
    if (!session) throw new AppError('invalid_credential', 'The session of this refresh token has ended.');
    return { id, ...session, refreshToken: refreshTokens.issue(id, generation + 1) };
  }

  /** The session, if this generation was replaced just now. Otherwise ends it. */
  async #replay(id: string, generation: number): Promise<{ userId: OwnerId; scopes: Scope[] } | undefined> {
    const { pool, changes } = this.#options.database;
    const { rows } = await pool.query<{ userId: OwnerId; scopes: Scope[] }>(
      `SELECT user_id AS "userId", scopes FROM sessions
       WHERE id = $1 AND generation = $2 + 1 AND expires_at > now() AND rotated_at > now() - make_interval(secs => $3)
         AND EXISTS (SELECT FROM users WHERE users.id = user_id AND disabled_at IS NULL)`,
      [id, generation, REPLAY_SECONDS],
    );
    if (rows[0]) return rows[0];
    await pool.query('DELETE FROM sessions WHERE id = $1', [id]);
    await changes.caughtUp();
    return undefined;
  }

  /** The sessions of a user, newest first. */
  async list(userId: OwnerId, { limit, cursor }: PageOptions): Promise<Page<Session>> {
    const { database, settings } = this.#options;
    const [time, last] = decodeTimeCursor(cursor);
    const { rows } = await database.pool.query<Session>(
      `SELECT ${COLUMNS} FROM sessions
       WHERE user_id = $1 AND expires_at > now() AND rotated_at > now() - make_interval(secs => $2)
         AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
       ORDER BY created_at DESC, id DESC LIMIT $5`,
      [userId, settings.SESSION_IDLE_SECONDS, time, last, limit + 1],
    );
    return toTimePage(rows, limit);
  }

  /** @throws AppError `not_found` */
  async end(userId: OwnerId, id: string): Promise<void> {
    const { pool, changes } = this.#options.database;
    const { rowCount } = await pool.query('DELETE FROM sessions WHERE user_id = $1 AND id = $2', [
      userId,
      id,
    ]);
    if (rowCount === 0) throw new AppError('not_found', `There is no session ${id}.`);
    await changes.caughtUp();
  }

  async endAll(userId: OwnerId): Promise<void> {
    const { pool, changes } = this.#options.database;
    await pool.query('DELETE FROM sessions WHERE user_id = $1', [userId]);
    await changes.caughtUp();
  }
}

/** The same for every reason, so that it does not tell which accounts exist. */
export function logInFailed(): AppError {
  return new AppError('log_in_failed', 'The e-mail address or the password is wrong.');
}
