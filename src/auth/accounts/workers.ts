import { randomUUID } from 'node:crypto';
import { decodeTimeCursor, type Page, type PageOptions, toTimePage } from '../../core/cursor.ts';
import { AppError } from '../../core/errors.ts';
import type { Database } from '../../db/database.ts';
import { createWorkerKey, isWorkerKey } from '../tokens/api-key-format.ts';
import { hashCredential } from '../tokens/hash-credential.ts';

/** Worker processes with one credential. */
export interface Worker {
  id: string;
  name: string;
  /** The beginning of the credential, by which people recognise it. */
  prefix: string;
  createdAt: Date;
  lastUsedAt: Date | null;
}

/** A credential that was just made. It cannot be read again. */
export interface IssuedWorker {
  key: string;
  worker: Worker;
}

const COLUMNS = 'id, name, prefix, created_at AS "createdAt", last_used_at AS "lastUsedAt"';

/** Credentials of workers. Of each, its SHA-256 is stored, and its beginning. */
export class WorkerStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(name: string): Promise<IssuedWorker> {
    const { key, prefix, hash } = createWorkerKey();
    const { rows } = await this.#database.pool.query<Worker>(
      `INSERT INTO workers (id, name, prefix, hash) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`,
      [randomUUID(), name, prefix, hash],
    );
    return { key, worker: rows[0] as Worker };
  }

  /** Workers, newest first. */
  async list({ limit, cursor }: PageOptions): Promise<Page<Worker>> {
    const [time, last] = decodeTimeCursor(cursor);
    const { rows } = await this.#database.pool.query<Worker>(
      `SELECT ${COLUMNS} FROM workers WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)
       ORDER BY created_at DESC, id DESC LIMIT $3`,
      [time, last, limit + 1],
    );
    return toTimePage(rows, limit);
  }

  /** @throws AppError `not_found` */
  async get(id: string): Promise<Worker> {
    const { rows } = await this.#database.pool.query<Worker>(`SELECT ${COLUMNS} FROM workers WHERE id = $1`, [
      id,
    ]);
    return found(rows[0], id);
  }

  /**
   * Revokes a credential: its processes claim nothing more, and the tokens of what they work on are refused.
   *
   * @throws AppError `not_found`
   */
  async delete(id: string): Promise<void> {
    const { rows } = await this.#database.pool.query<Worker>(
      `DELETE FROM workers WHERE id = $1 RETURNING ${COLUMNS}`,
      [id],
    );
    found(rows[0], id);
  }

  /** Whether a credential has not been revoked. */
  async isValid(id: string): Promise<boolean> {
    const { rows } = await this.#database.pool.query({
      name: 'worker-is-valid',
      text: 'SELECT FROM workers WHERE id = $1',
      values: [id],
    });
    return rows.length > 0;
  }

  /**
   * The id of the worker with this credential.
   *
   * @throws AppError `invalid_credential`
   */
  async authenticate(credential: string): Promise<string> {
    const { rows } = isWorkerKey(credential)
      ? await this.#database.pool.query<{ id: string }>({
          name: 'worker-authenticate',
          text: `WITH known AS (SELECT id, last_used_at FROM workers WHERE hash = $1), used AS (
              UPDATE workers SET last_used_at = now() FROM known
              WHERE workers.id = known.id AND (known.last_used_at IS NULL OR known.last_used_at < now() - interval '1 minute')
            ) SELECT id FROM known`,
          values: [hashCredential(credential)],
        })
      : { rows: [] };
    const [worker] = rows;
    if (worker === undefined)
      throw new AppError('invalid_credential', 'The credential of the worker is not valid.');
    return worker.id;
  }
}

function found(worker: Worker | undefined, id: string): Worker {
  if (worker === undefined) throw new AppError('not_found', `There is no worker ${id}.`);
  return worker;
}
