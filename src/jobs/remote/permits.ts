import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { type Database, withTransaction } from '../../db/database.ts';
import type { Lane } from '../queue/job.ts';

/** Permits of a lane that are not used at the same time. More would only lie in the queue. */
const MAX_OPEN = 1_000;
/** A permit whose message was not confirmed in this time is sent again. */
const SEND_AGAIN_SECONDS = 10;
/** If the queue is empty, a permit that was sent longer ago has been lost. */
const LOST_SECONDS = 10;

/** The id of a permit, and its HMAC. */
const FORM = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([\w-]{43})$/;

/**
 * Permits for one claim each. There are as many as items wait, up to a maximum; the items themselves tell how many are missing, so
 * that none can be forgotten. A row is made before its message is sent, and the claim deletes it.
 */
export class Permits {
  readonly #database: Database;
  readonly #keys: readonly [Buffer, ...Buffer[]];

  /** @param keys HMAC keys; the first one is current */
  constructor(database: Database, keys: readonly [Buffer, ...Buffer[]]) {
    this.#database = database;
    this.#keys = keys;
  }

  /**
   * Makes the permits that are missing. At the same time, only one process does that for a lane.
   *
   * @returns the ids of those to send: the new ones, and those that were not sent before
   */
  async issue(lane: Lane): Promise<string[]> {
    return withTransaction(this.#database.pool, async (client) => {
      const { rows: locks } = await client.query<{ isLocked: boolean }>(
        `SELECT pg_try_advisory_xact_lock(hashtextextended('coreframe permits ' || $1, 0)) AS "isLocked"`,
        [lane],
      );
      if (!locks[0]?.isLocked) return [];
      const { rows: unsent } = await client.query<{ id: string }>(
        `UPDATE work_permits SET created_at = now()
         WHERE lane = $1 AND sent_at IS NULL AND created_at < now() - make_interval(secs => ${SEND_AGAIN_SECONDS}) RETURNING id`,
        [lane],
      );
      const { rows: counts } = await client.query<{ missing: number }>(
        `SELECT (least(${MAX_OPEN}, (SELECT coalesce(sum(queued), 0) FROM jobs WHERE ended_at IS NULL AND lane = $1))
           - (SELECT count(*) FROM work_permits WHERE lane = $1))::int AS missing`,
        [lane],
      );
      const ids = Array.from({ length: Math.max(0, counts[0]?.missing ?? 0) }, () => randomUUID());
      if (ids.length > 0)
        await client.query('INSERT INTO work_permits (id, lane) SELECT unnest($1::uuid[]), $2', [ids, lane]);
      return [...unsent.map(({ id }) => id), ...ids];
    });
  }

  /** The broker has confirmed these. */
  async noteSent(ids: readonly string[]): Promise<void> {
    await this.#database.pool.query(
      'UPDATE work_permits SET sent_at = now() WHERE id = ANY($1) AND sent_at IS NULL',
      [ids],
    );
  }

  /** Forgets the permits whose messages are gone, because the queue of the lane is empty. @returns how many */
  async forgetLost(lane: Lane): Promise<number> {
    const { rowCount } = await this.#database.pool.query(
      `DELETE FROM work_permits WHERE lane = $1 AND sent_at < now() - make_interval(secs => ${LOST_SECONDS})`,
      [lane],
    );
    return rowCount ?? 0;
  }

  /** The text of a permit, which is valid for this lane alone. */
  write(id: string, lane: Lane): string {
    return `${id}.${signature(this.#keys[0], id, lane).toString('base64url')}`;
  }

  /**
   * The id of a permit.
   *
   * @throws AppError `permit_refused` if the service has not signed it for this lane
   */
  read(permit: string, lane: Lane): string {
    const [, id, given] = FORM.exec(permit) ?? [];
    if (id !== undefined && given !== undefined) {
      const bytes = Buffer.from(given, 'base64url');
      if (this.#keys.some((key) => timingSafeEqual(bytes, signature(key, id, lane)))) return id;
    }
    throw new AppError('permit_refused', 'The permit is not valid.');
  }

  /** Uses a permit up. @returns false if it was used already, or was taken back */
  async use(id: string): Promise<boolean> {
    const { rowCount } = await this.#database.pool.query({
      name: 'permit-use',
      text: 'DELETE FROM work_permits WHERE id = $1',
      values: [id],
    });
    return rowCount === 1;
  }

  /** Makes a permit valid again that was of no use. */
  async restore(id: string, lane: Lane): Promise<void> {
    await this.#database.pool.query(
      'INSERT INTO work_permits (id, lane, sent_at) VALUES ($1, $2, now()) ON CONFLICT DO NOTHING',
      [id, lane],
    );
  }
}

function signature(key: Buffer, id: string, lane: Lane): Buffer {
  return createHmac('sha256', key).update(`${lane} ${id}`).digest();
}
