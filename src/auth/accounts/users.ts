import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import { decodeTimeCursor, type Page, toTimePage } from '../../core/cursor.ts';
import { AppError } from '../../core/errors.ts';
import {
  type Database,
  FOREIGN_KEY_VIOLATION,
  hasState,
  LOCK_TIMEOUT,
  UNIQUE_VIOLATION,
  withTransaction,
} from '../../db/database.ts';
import { LOCAL_OWNER, type OwnerId } from '../owner.ts';
import type { Role } from '../scopes.ts';
import { normalizeEmail } from './normalize-email.ts';

/** Of the lock under which the first administrator is made: "CFAD". */
const FIRST_ADMIN_LOCK = 0x43464144;

const LOCK_TIMEOUT_MS = 5_000;

/** An administrator who can log in. */
const ABLE_ADMIN = "role = 'admin' AND disabled_at IS NULL AND password_hash IS NOT NULL";

export interface User {
  id: OwnerId;
  email: string;
  name: string;
  role: Role;
  disabledAt: Date | null;
  /** Null: no limit. */
  storageQuotaBytes: number | null;
  storedBytes: number;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `u.id, u.email, u.name, u.role, u.disabled_at AS "disabledAt", u.created_at AS "createdAt",
  u.updated_at AS "updatedAt", u.storage_quota_bytes::float8 AS "storageQuotaBytes",
  coalesce((SELECT bytes FROM stored_bytes WHERE owner_id = u.id), 0)::float8 AS "storedBytes"`;

export interface NewUser {
  email: string;
  name: string;
  role: Role;
  /** Null: nobody can log in as this user until a password is set. */
  passwordHash: string | null;
  storageQuotaBytes: number | null;
}

export interface UserChanges {
  email?: string;
  name?: string;
  role?: Role;
  isDisabled?: boolean;
  passwordHash?: string;
  storageQuotaBytes?: number | null;
}

export interface UserQuery {
  limit: number;
  cursor?: string;
  role?: Role;
  email_contains?: string;
}

/** What a log-in needs to know of a user. */
export interface Account {
  id: OwnerId;
  role: Role;
  /** Null if nobody may log in as this user. */
  passwordHash: string | null;
}

/** Users with an e-mail address. The local user does not have one until the first administrator takes its place. */
export class UserStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Makes sure that the local user exists, which owns everything while authentication is off. */
  async ensureLocalUser(): Promise<void> {
    await this.#database.pool.query(
      "INSERT INTO users (id, name) VALUES ($1, 'local') ON CONFLICT DO NOTHING",
      [LOCAL_OWNER],
    );
  }

  /** Whether no administrator can log in, so that the first one may be made. */
  async needsFirstAdmin(): Promise<boolean> {
    return !(await hasAbleAdmin(this.#database.pool));
  }

  /**
   * Makes the first administrator, who takes the place of the local user with everything that it owns. Of several processes that
   * try, one succeeds.
   *
   * @returns undefined if there is an administrator already
   * @throws AppError `email_taken`
   */
  async createFirstAdmin(email: string, passwordHash: string): Promise<User | undefined> {
    const isFirst = await this.#refuseTaken(email, () =>
      withTransaction(this.#database.pool, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock($1)', [FIRST_ADMIN_LOCK]);
        if (await hasAbleAdmin(client)) return false;
        await client.query(
          `INSERT INTO users (id, name, email, password_hash, role) VALUES ($1, '', $2, $3, 'admin')
           ON CONFLICT (id) DO UPDATE SET name = '', email = $2, password_hash = $3, role = 'admin', disabled_at = NULL, updated_at = now()`,
          [LOCAL_OWNER, normalizeEmail(email), passwordHash],
        );
        return true;
      }),
    );
    return isFirst ? this.get(LOCAL_OWNER) : undefined;
  }

  /** @throws AppError `email_taken` */
  async create({ email, name, role, passwordHash, storageQuotaBytes }: NewUser): Promise<User> {
    const id = randomUUID();
    await this.#refuseTaken(email, () =>
      this.#database.pool.query(
        'INSERT INTO users (id, email, name, role, password_hash, storage_quota_bytes) VALUES ($1, $2, $3, $4, $5, $6)',
        [id, normalizeEmail(email), name, role, passwordHash, storageQuotaBytes],
      ),
    );
    return this.get(id);
  }

  /** @throws AppError `not_found` */
  async get(id: string): Promise<User> {
    const { rows } = await this.#database.pool.query<User>(
      `SELECT ${COLUMNS} FROM users u WHERE u.id = $1 AND u.email IS NOT NULL`,
      [id],
    );
    const [user] = rows;
    if (!user) throw userNotFound(id);
    return user;
  }

  /** The user with this id, as an owner, whether or not it has an e-mail address. */
  async findOwner(id: string): Promise<OwnerId | undefined> {
    const { rows } = await this.#database.pool.query<{ id: OwnerId }>('SELECT id FROM users WHERE id = $1', [
      id,
    ]);
    return rows[0]?.id;
  }

  /** The account that a log-in is for. */
  async findAccount(email: string): Promise<Account | undefined> {
    const { rows } = await this.#database.pool.query<Account>(
      `SELECT id, role, CASE WHEN disabled_at IS NULL THEN password_hash END AS "passwordHash" FROM users WHERE email = $1`,
      [normalizeEmail(email)],
    );
    return rows[0];
  }

  /** Users, newest first. */
  async list({ limit, cursor, role, email_contains: part }: UserQuery): Promise<Page<User>> {
    const [time, last] = decodeTimeCursor(cursor);
    const { rows } = await this.#database.pool.query<User>(
      `SELECT ${COLUMNS} FROM users u
       WHERE u.email IS NOT NULL AND ($1::text IS NULL OR u.role = $1) AND ($2::text IS NULL OR position($2 IN u.email) > 0)
         AND ($3::timestamptz IS NULL OR (u.created_at, u.id) < ($3, $4::uuid))
       ORDER BY u.created_at DESC, u.id DESC LIMIT $5`,
      [role ?? null, part === undefined ? null : normalizeEmail(part), time, last, limit + 1],
    );
    return toTimePage(rows, limit);
  }

  /**
   * Changes a user. After a new password, or if the user is disabled, all sessions end, except one that may be named.
   *
   * @throws AppError `not_found`, `email_taken`, `last_admin`; `conflict` if the user is uploading and the address cannot be changed now
   */
  async update(id: string, changes: UserChanges, keptSession?: string): Promise<User> {
    const { email, name, role, isDisabled, passwordHash, storageQuotaBytes } = changes;
    const columns: Record<string, unknown> = {
      ...(email === undefined ? {} : { email: normalizeEmail(email) }),
      ...(name === undefined ? {} : { name }),
      ...(role === undefined ? {} : { role }),
      ...(isDisabled === undefined ? {} : { disabled_at: isDisabled ? new Date() : null }),
      ...(passwordHash === undefined ? {} : { password_hash: passwordHash }),
      ...(storageQuotaBytes === undefined ? {} : { storage_quota_bytes: storageQuotaBytes }),
      updated_at: new Date(),
    };
    const names = Object.keys(columns);
    await this.#refuseTaken(email ?? '', () =>
      withTransaction(this.#database.pool, async (client) => {
        const change = async () => {
          const { rowCount } = await client.query(
            `UPDATE users SET ${names.map((column, index) => `${column} = $${index + 2}`).join(', ')}
             WHERE id = $1 AND email IS NOT NULL`,
            [id, ...Object.values(columns)],
          );
          if (rowCount === 0) throw userNotFound(id);
        };
        await withoutLongWait(client, () =>
          role === undefined && !isDisabled ? change() : keepAnAdmin(client, id, change),
        );
        if (passwordHash !== undefined || isDisabled) {
          await client.query('DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2', [
            id,
            keptSession ?? null,
          ]);
        }
      }),
    );
    await this.#database.changes.caughtUp();
    return this.get(id);
  }

  /** Stores the hash of the same password with other parameters. Sessions go on. */
  async rehash(id: OwnerId, before: string, after: string): Promise<void> {
    await this.#database.pool.query(
      'UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2',
      [id, before, after],
    );
  }

  /**
   * Deletes a user who owns nothing any more, with sessions and API keys.
   *
   * @returns false if the user owns something
   * @throws AppError `not_found`, `last_admin`; `conflict` while the user is uploading
   */
  async delete(id: string): Promise<boolean> {
    const isDeleted = await withTransaction(this.#database.pool, async (client) => {
      await client.query('SAVEPOINT before');
      try {
        await withoutLongWait(client, () =>
          keepAnAdmin(client, id, async () => {
            const { rowCount } = await client.query('DELETE FROM users WHERE id = $1 AND email IS NOT NULL', [
              id,
            ]);
            if (rowCount === 0) throw userNotFound(id);
          }),
        );
        return true;
      } catch (error) {
        if (!hasState(error, [FOREIGN_KEY_VIOLATION])) throw error;
        await client.query('ROLLBACK TO before');
        return false;
      }
    });
    await this.#database.changes.caughtUp();
    return isDeleted;
  }

  async #refuseTaken<T>(email: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!hasState(error, [UNIQUE_VIOLATION])) throw error;
      throw new AppError('email_taken', `There is a user with the e-mail address ${normalizeEmail(email)}.`, {
        cause: error,
      });
    }
  }
}

/** Whether there is an administrator who can log in. */
async function hasAbleAdmin(client: Pick<ClientBase, 'query'>): Promise<boolean> {
  const { rowCount } = await client.query(`SELECT FROM users WHERE ${ABLE_ADMIN} LIMIT 1`);
  return rowCount !== 0;
}

/**
 * Changes a user within a transaction. Whatever the user stores locks the user's row against deletion until it is stored, which may
 * take hours for an image log. The change does not wait for that.
 *
 * @throws AppError `conflict`
 */
async function withoutLongWait(client: ClientBase, change: () => Promise<void>): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  try {
    await change();
  } catch (error) {
    if (!hasState(error, [LOCK_TIMEOUT])) throw error;
    throw new AppError('conflict', 'The user is uploading at the moment; try again when that has ended.', {
      cause: error,
    });
  }
}

/**
 * Changes a user within a transaction. Changes of administrators wait for each other, so that two of them cannot remove each
 * other.
 *
 * @throws AppError `last_admin` if the user was the last administrator who can log in
 */
async function keepAnAdmin(client: ClientBase, id: string, change: () => Promise<void>): Promise<void> {
  const { rows: before } = await client.query<{ id: string }>(
    // Uploads of administrators lock their rows FOR KEY SHARE, which this does not wait for.
    `SELECT id FROM users WHERE ${ABLE_ADMIN} ORDER BY id FOR NO KEY UPDATE`,
  );
  await change();
  if (!before.some((admin) => admin.id === id.toLowerCase())) return;
  if (!(await hasAbleAdmin(client)))
    throw new AppError('last_admin', 'This is the last administrator who can log in.');
}

function userNotFound(id: string): AppError {
  return new AppError('not_found', `There is no user ${id}.`);
}
