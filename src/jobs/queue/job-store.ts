import { randomUUID } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import type { ClientBase } from 'pg';
import type { OwnerId } from '../../auth/owner.ts';
import type { BlobRegistry } from '../../blobs/postgres/blob-registry.ts';
import {
  CursorInteger,
  decodeCursor,
  decodeTimeCursor,
  type Page,
  type PageOptions,
  toPage,
  toTimePage,
} from '../../core/cursor.ts';
import { AppError } from '../../core/errors.ts';
import { type Database, hasState, UNIQUE_VIOLATION, withTransaction } from '../../db/database.ts';
import {
  type ItemState,
  type Job,
  type JobItem,
  type JobState,
  type NewJob,
  PRIORITIES,
  type Priority,
} from './job.ts';

/** `j` is the row of `jobs`. */
const JOB_COLUMNS = `j.id, j.owner_id AS "ownerId", j.lane, j.operation, j.parameters, j.priority, j.state, j.total, j.queued, j.running,
  j.succeeded, j.failed, j.cancelled, j.expired, j.done_before AS "doneBefore", j.version::float8 AS version, j.created_at AS "createdAt",
  j.started_at AS "startedAt", j.ended_at AS "endedAt", j.cancel_requested_at AS "cancelRequestedAt", j.expires_at AS "expiresAt",
  clock_timestamp() AS "readAt",
  CASE WHEN j.total = 1 THEN (
    SELECT json_build_object('artifactId', i.artifact_id, 'frameSetId', i.frame_set_id, 'progress', i.progress)
    FROM job_items i WHERE i.job_id = j.id AND i.position = 0
  ) END AS only`;

const ITEM_COLUMNS = `job_id AS "jobId", position, json_build_object('type', input_type, 'id', input_id) AS input, state, attempt, progress,
  problem, artifact_id AS "artifactId", frame_set_id AS "frameSetId", is_new AS "isNew", started_at AS "startedAt", ended_at AS "endedAt"`;

type JobRow = Omit<Job, 'priority'> & { priority: number };

export interface JobListOptions extends PageOptions {
  states?: readonly JobState[] | undefined;
  operation?: string | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
}

export interface ItemListOptions extends PageOptions {
  states?: readonly ItemState[] | undefined;
}

/** Jobs that `following` gives at once. */
export const MAX_FOLLOWED = 1_000;

const ItemPosition = Type.Tuple([CursorInteger]);

interface JobStoreOptions {
  database: Database;
  blobs: BlobRegistry;
  /** Seconds after which items that have not started expire. */
  expireAfter: number;
}

/** Jobs and their items in PostgreSQL. Every method is bound to an owner and sees only that owner's rows. */
export class JobStore {
  readonly #options: JobStoreOptions;

  constructor(options: JobStoreOptions) {
    this.#options = options;
  }

  /**
   * Stores a job with its items, and the file that it works on, in one transaction. Its workers are told.
   *
   * @returns the earlier job with the same idempotency key, if there is one
   * @throws AppError `conflict` if that job was for another request; `quota_exceeded`
   */
  async create(owner: OwnerId, job: NewJob): Promise<{ job: Job; isNew: boolean }> {
    const id = randomUUID();
    try {
      await withTransaction(this.#options.database.pool, async (client, transaction) => {
        const { inputs } = job;
        const file = inputs.type === 'file' ? inputs : undefined;
        if (file) await this.#options.blobs.add([file], transaction);
        await this.#insert(client, owner, id, job);
        await client.query(
          `INSERT INTO job_items (job_id, position, input_type, input_id)
           SELECT $1, position - 1, $2, id FROM unnest($3::uuid[]) WITH ORDINALITY AS input (id, position)`,
          [id, inputs.type, inputs.type === 'file' ? [null] : inputs.ids],
        );
      });
    } catch (error) {
      if (job.idempotency === null || !hasState(error, [UNIQUE_VIOLATION])) throw error;
      return { job: await this.#repeated(owner, job.idempotency), isNew: false };
    }
    return { job: await this.get(owner, id), isNew: true };
  }

  /** The job of an earlier request with this key. @throws AppError `conflict` if that was another request */
  async findRepeated(
    owner: OwnerId,
    { key, requestHash }: NonNullable<NewJob['idempotency']>,
  ): Promise<Job | undefined> {
    const { rows } = await this.#options.database.pool.query<{ id: string; requestHash: Buffer }>(
      'SELECT id, request_hash AS "requestHash" FROM jobs WHERE owner_id = $1 AND idempotency_key = $2',
      [owner, key],
    );
    const [row] = rows;
    if (!row) return undefined;
    if (!row.requestHash.equals(requestHash))
      throw new AppError(
        'conflict',
        `The job ${row.id} was submitted with the same Idempotency-Key and another body. Use a new key.`,
      );
    return this.get(owner, row.id);
  }

  /** @throws AppError `not_found`, also if the job has another owner */
  async get(owner: OwnerId, id: string): Promise<Job> {
    const [job] = await this.getAll([owner], [id]);
    if (!job) throw jobNotFound(id);
    return job;
  }

  /** Those of the jobs that exist and belong to one of the owners. */
  async getAll(owners: readonly OwnerId[], ids: readonly string[]): Promise<Job[]> {
    const { rows } = await this.#options.database.pool.query<JobRow>(
      `SELECT ${JOB_COLUMNS} FROM jobs j WHERE j.id = ANY($1) AND j.owner_id = ANY($2)`,
      [ids, owners],
    );
    return rows.map(toJob);
  }

  /** Newest first. */
  async list(
    owner: OwnerId,
    { limit, cursor, states, operation, createdAfter, createdBefore }: JobListOptions,
  ): Promise<Page<Job>> {
    const [time, last] = decodeTimeCursor(cursor);
    const { rows } = await this.#options.database.pool.query<JobRow>(
      `SELECT ${JOB_COLUMNS} FROM jobs j
       WHERE j.owner_id = $1 AND ($2::timestamptz IS NULL OR (j.created_at, j.id) < ($2, $3::uuid))
         AND ($4::text[] IS NULL OR j.state = ANY($4)) AND ($5::text IS NULL OR j.operation = $5)
         AND ($6::timestamptz IS NULL OR j.created_at >= $6) AND ($7::timestamptz IS NULL OR j.created_at < $7)
       ORDER BY j.created_at DESC, j.id DESC LIMIT $8`,
      [
        owner,
        time,
        last,
        states ?? null,
        operation ?? null,
        createdAfter ?? null,
        createdBefore ?? null,
        limit + 1,
      ],
    );
    return toTimePage(rows.map(toJob), limit);
  }

  /** At most `MAX_FOLLOWED`: the jobs that have ended since a time, the first of them first, then those that have not ended, newest first. */
  async following(owner: OwnerId, endedSince: Date | undefined): Promise<Job[]> {
    const { rows } = await this.#options.database.pool.query<JobRow>(
      `SELECT ${JOB_COLUMNS} FROM jobs j WHERE j.owner_id = $1 AND (j.ended_at IS NULL OR j.ended_at >= $2)
       ORDER BY j.ended_at NULLS LAST, j.created_at DESC, j.id DESC LIMIT ${MAX_FOLLOWED}`,
      [owner, endedSince ?? null],
    );
    return rows.map(toJob);
  }

  /**
   * Items in the order of the request.
   *
   * @throws AppError `not_found`
   */
  async items(
    owner: OwnerId,
    id: string,
    { limit, cursor, states }: ItemListOptions,
  ): Promise<Page<JobItem>> {
    await this.get(owner, id);
    const [after] = cursor === undefined ? ['-1'] : decodeCursor(cursor, ItemPosition);
    const { rows } = await this.#options.database.pool.query<JobItem>(
      `SELECT ${ITEM_COLUMNS} FROM job_items WHERE job_id = $1 AND position > $2 AND ($3::text[] IS NULL OR state = ANY($3))
       ORDER BY position LIMIT $4`,
      [id, after, states ?? null, limit + 1],
    );
    return toPage(rows, limit, ({ position }) => [String(position)]);
  }

  /**
   * Asks a job to end: queued items never start, and running ones are told to stop. A job that has been cancelled stays as it is.
   *
   * @throws AppError `not_found`; `conflict` if it has ended in another way
   */
  async cancel(owner: OwnerId, id: string): Promise<Job> {
    await this.get(owner, id);
    await withTransaction(this.#options.database.pool, async (client) => {
      // Items are always locked before their job, and in this order.
      await client.query(
        `UPDATE job_items SET state = 'cancelled', ended_at = clock_timestamp() FROM (
           SELECT position FROM job_items WHERE job_id = $1 AND state = 'queued' ORDER BY position FOR UPDATE
         ) AS queued WHERE job_id = $1 AND job_items.position = queued.position`,
        [id],
      );
      await client.query(
        `UPDATE jobs SET cancel_requested_at = clock_timestamp(), version = version + 1
         WHERE id = $1 AND cancel_requested_at IS NULL AND (ended_at IS NULL OR state = 'cancelled')`,
        [id],
      );
    });
    const job = await this.get(owner, id);
    if (job.cancelRequestedAt === null) throw hasEnded(job);
    return job;
  }

  /**
   * Queues the items again that failed, expired or were cancelled.
   *
   * @throws AppError `not_found`; `conflict` if the job has not ended, or all its items succeeded
   */
  async retry(owner: OwnerId, id: string): Promise<Job> {
    const before = await this.get(owner, id);
    const count = await withTransaction(this.#options.database.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE job_items SET state = 'queued', deaths = 0, is_alone = false, problem = NULL, progress = NULL, started_at = NULL, ended_at = NULL
         FROM (
           SELECT i.position FROM job_items i JOIN jobs j ON j.id = i.job_id
           WHERE i.job_id = $1 AND j.owner_id = $2 AND j.ended_at IS NOT NULL AND i.state IN ('failed', 'cancelled', 'expired')
           ORDER BY i.position FOR UPDATE OF i
         ) AS undone WHERE job_id = $1 AND job_items.position = undone.position`,
        [id, owner],
      );
      if (rowCount === 0) return 0;
      await client.query(
        `UPDATE jobs SET started_at = NULL, cancel_requested_at = NULL, done_before = total - queued - running, version = version + 1,
           expires_at = now() + make_interval(secs => $2) WHERE id = $1`,
        [id, this.#options.expireAfter],
      );
      return rowCount;
    });
    if (count !== 0) return this.get(owner, id);
    const why = before.endedAt === null ? 'has not ended yet' : 'has nothing that failed';
    throw new AppError('conflict', `The job ${id} ${why}.`);
  }

  /**
   * Deletes a job that has ended. What it has made stays.
   *
   * @returns the SHA-256 of the bytes that may be gone
   * @throws AppError `not_found`; `conflict` if it has not ended
   */
  async delete(owner: OwnerId, id: string): Promise<Buffer[]> {
    const gone = await this.#delete(owner, id, 'ended_at IS NOT NULL');
    if (gone) return gone;
    await this.get(owner, id);
    throw new AppError('conflict', `The job ${id} has not ended. Cancel it first.`);
  }

  /** The same for a job in any state: its workers are told to stop. */
  async deleteAnyway(owner: OwnerId, id: string): Promise<Buffer[]> {
    const gone = await this.#delete(owner, id, 'true');
    if (!gone) throw jobNotFound(id);
    return gone;
  }

  async #delete(owner: OwnerId, id: string, condition: string): Promise<Buffer[] | undefined> {
    return withTransaction(this.#options.database.pool, async (client, transaction) => {
      // Items first, like everybody else.
      await client.query('SELECT FROM job_items WHERE job_id = $1 ORDER BY position FOR UPDATE', [id]);
      const { rows } = await client.query<{ input: Buffer | null }>(
        `DELETE FROM jobs WHERE owner_id = $1 AND id = $2 AND ${condition} RETURNING input_sha256 AS input`,
        [owner, id],
      );
      const [deleted] = rows;
      if (!deleted) return undefined;
      const inputs = deleted.input === null ? [] : [deleted.input];
      await this.#options.blobs.deleteUnreferenced(inputs, transaction);
      return inputs;
    });
  }

  async #insert(client: ClientBase, owner: OwnerId, id: string, job: NewJob): Promise<void> {
    const { inputs, idempotency } = job;
    const file = inputs.type === 'file' ? inputs : undefined;
    await client.query(
      `INSERT INTO jobs (id, owner_id, lane, operation, parameters, priority, retention, accepts, api_key_id, request_id,
         idempotency_key, request_hash, input_sha256, input_size, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now() + make_interval(secs => $15))`,
      [
        id,
        owner,
        job.lane,
        job.operation,
        JSON.stringify(job.parameters),
        PRIORITIES.indexOf(job.priority),
        job.retention,
        job.accepts,
        job.apiKeyId,
        job.requestId,
        idempotency?.key ?? null,
        idempotency?.requestHash ?? null,
        file?.sha256 ?? null,
        file?.size ?? null,
        this.#options.expireAfter,
      ],
    );
  }

  async #repeated(owner: OwnerId, idempotency: NonNullable<NewJob['idempotency']>): Promise<Job> {
    const job = await this.findRepeated(owner, idempotency);
    if (job) return job;
    throw new AppError('conflict', 'The job with this Idempotency-Key was deleted just now; try again.');
  }
}

function toJob({ priority, ...row }: JobRow): Job {
  return { ...row, priority: PRIORITIES[priority] as Priority };
}

function hasEnded({ id, state }: Job): AppError {
  return new AppError('conflict', `The job ${id} has ended: ${state}.`);
}

function jobNotFound(id: string): AppError {
  return new AppError('not_found', `There is no job ${id}.`);
}
