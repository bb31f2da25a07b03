import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import { decodeTimeCursor, type Page, type PageOptions, toTimePage } from '../../core/cursor.ts';
import { AppError } from '../../core/errors.ts';
import { type Database, FOREIGN_KEY_VIOLATION, hasState, withTransaction } from '../../db/database.ts';
import type { OwnerId } from '../owner.ts';
import type { Scope } from '../scopes.ts';
import { createApiKey } from '../tokens/api-key-format.ts';

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  scopes: Scope[];
  usedScopes: Scope[];
  madeByKeyId: string | null;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

const COLUMNS = `id, name, prefix, scopes, used_scopes AS "usedScopes", made_by_key_id AS "madeByKeyId", created_at AS "createdAt",
  expires_at AS "expiresAt", last_used_at AS "lastUsedAt"`;

/** Whose keys: those of a user, or of these only the key itself and those that it has made. */
export interface KeyHolder {
  userId: OwnerId;
  keyId: string | null;
}

const VISIBLE = 'user_id = $1 AND ($2::uuid IS NULL OR id = $2 OR made_by_key_id = $2)';

export interface NewApiKey {
  name: string;
  scopes: readonly Scope[];
  expiresAt: Date | null;
}

/** A key that was just made. It cannot be read again. */
export interface IssuedApiKey {
  key: string;
  apiKey: ApiKey;
}

/** API keys. Of a key, its SHA-256 is stored, and its beginning, by which people recognise it. */
export class ApiKeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Makes a key. If another key makes it, it ends with that key.
   *
   * @throws AppError `invalid_credential` if the user or that key was deleted in the meantime
   */
  async create(holder: KeyHolder, newKey: NewApiKey): Promise<IssuedApiKey> {
    try {
      return await issueKey(this.#database.pool, holder, newKey);
    } catch (error) {
      if (!hasState(error, [FOREIGN_KEY_VIOLATION])) throw error;
      throw new AppError('invalid_credential', 'The credential of this request was revoked.', {
        cause: error,
      });
    }
  }

  /** Keys, newest first. */
  async list({ userId, keyId }: KeyHolder, { limit, cursor }: PageOptions): Promise<Page<ApiKey>> {
    const [time, last] = decodeTimeCursor(cursor);
    const { rows } = await this.#database.pool.query<ApiKey>(
      `SELECT ${COLUMNS} FROM api_keys
       WHERE ${VISIBLE} AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
       ORDER BY created_at DESC, id DESC LIMIT $5`,
      [userId, keyId, time, last, limit + 1],
    );
    return toTimePage(rows, limit);
  }

  /** @throws AppError `not_found` */
  async get({ userId, keyId }: KeyHolder, id: string): Promise<ApiKey> {
    const { rows } = await this.#database.pool.query<ApiKey>(
      `SELECT ${COLUMNS} FROM api_keys WHERE ${VISIBLE} AND id = $3`,
      [userId, keyId, id],
    );
    return found(rows[0], id);
  }

  /** @throws AppError `not_found` */
  async rename({ userId, keyId }: KeyHolder, id: string, name: string): Promise<ApiKey> {
    const { rows } = await this.#database.pool.query<ApiKey>(
      `UPDATE api_keys SET name = $4 WHERE ${VISIBLE} AND id = $3 RETURNING ${COLUMNS}`,
      [userId, keyId, id, name],
    );
    return found(rows[0], id);
  }

  /**
   * Takes away the scopes that no request of the key has needed yet.
   *
   * @throws AppError `not_found`; `conflict` if the key has not been used
   */
  async shrink({ userId, keyId }: KeyHolder, id: string): Promise<ApiKey> {
    const { rows } = await this.#database.pool.query<ApiKey>(
      `UPDATE api_keys SET scopes = ARRAY(SELECT scope FROM unnest(scopes) AS scope WHERE scope = ANY(used_scopes))
       WHERE ${VISIBLE} AND id = $3 AND scopes && used_scopes RETURNING ${COLUMNS}`,
      [userId, keyId, id],
    );
    await this.#database.changes.caughtUp();
    if (rows[0]) return rows[0];
    await this.get({ userId, keyId }, id);
    throw new AppError('conflict', 'The key has used none of its scopes yet, so none would be left.');
  }

  /**
   * Replaces a key by a new one with the same name, scopes, expiry and keys that it has made. The old one is valid for some time
   * longer, at most until its own expiry.
   *
   * @throws AppError `not_found`; `conflict` if the key has expired
   */
  async rotate({ userId, keyId }: KeyHolder, id: string, overlapSeconds: number): Promise<IssuedApiKey> {
    const issued = await withTransaction(this.#database.pool, async (client) => {
      const { rows: old } = await client.query<ApiKey>(
        `SELECT ${COLUMNS} FROM api_keys WHERE ${VISIBLE} AND id = $3 FOR UPDATE`,
        [userId, keyId, id],
      );
      const { name, scopes, expiresAt, madeByKeyId } = found(old[0], id);
      if (expiresAt !== null && expiresAt.getTime() <= Date.now())
        throw new AppError('conflict', 'The key has expired; make a new one.');
      const made = await issueKey(client, { userId, keyId: madeByKeyId }, { name, scopes, expiresAt });
      await client.query('UPDATE api_keys SET made_by_key_id = $2 WHERE made_by_key_id = $1', [
        id,
        made.apiKey.id,
      ]);
      await client.query(
        'UPDATE api_keys SET expires_at = least(expires_at, now() + make_interval(secs => $2)) WHERE id = $1',
        [id, overlapSeconds],
      );
      return made;
    });
    await this.#database.changes.caughtUp();
    return issued;
  }

  /**
   * Deletes a key, and those that it has made. Requests with them are refused from now on.
   *
   * @throws AppError `not_found`
   */
  async delete({ userId, keyId }: KeyHolder, id: string): Promise<void> {
    const { rowCount } = await this.#database.pool.query(
      `DELETE FROM api_keys WHERE ${VISIBLE} AND id = $3`,
      [userId, keyId, id],
    );
    if (rowCount === 0) throw notFound(id);
    await this.#database.changes.caughtUp();
  }
}

/** Makes a key, and stores all but the key itself. */
async function issueKey(
  client: Pick<ClientBase, 'query'>,
  { userId, keyId }: KeyHolder,
  { name, scopes, expiresAt }: NewApiKey,
): Promise<IssuedApiKey> {
  const { key, prefix, hash } = createApiKey();
  const { rows } = await client.query<ApiKey>(
    `INSERT INTO api_keys (id, user_id, made_by_key_id, name, prefix, hash, scopes, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`,
    [randomUUID(), userId, keyId, name, prefix, hash, scopes, expiresAt],
  );
  return { key, apiKey: rows[0] as ApiKey };
}

function found(apiKey: ApiKey | undefined, id: string): ApiKey {
  if (!apiKey) throw notFound(id);
  return apiKey;
}

function notFound(id: string): AppError {
  return new AppError('not_found', `There is no API key ${id}.`);
}
