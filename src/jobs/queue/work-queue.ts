import type { ClientBase } from 'pg';
import type { BlobRegistry } from '../../blobs/postgres/blob-registry.ts';
import { type Database, withTransaction } from '../../db/database.ts';
import type { AttemptRef, ClaimedItem, ItemProblem, ItemProgress, ItemResult, Lane } from './job.ts';
import type { ItemQueue } from './lane-worker.ts';

/** The deaths of its process, while it worked on nothing else, that an item survives, and one more. */
const MAX_DEATHS = 3;
/** Jobs that a claim looks at. Others may be claiming the last item of the first ones. */
const CANDIDATES = 16;
/** Jobs that one call of `deleteOld` deletes. */
const DELETED_AT_ONCE = 100;

const WORKER_LOST: ItemProblem = {
  code: 'worker_lost',
  detail: `The process that worked on this item and on nothing else died ${MAX_DEATHS} times.`,
};
const REVOKED: ItemProblem = {
  code: 'invalid_credential',
  detail: 'The user of this job was disabled, or its API key was revoked, before this item started.',
};

/**
 * Whether the job `j` may go on: its owner `u` is enabled, and the key that it was submitted with is valid. That may be the key of an
 * administrator who acted for the owner.
 */
const IS_ALLOWED = `u.disabled_at IS NULL AND (j.api_key_id IS NULL OR EXISTS (
  SELECT FROM api_keys k JOIN users ku ON ku.id = k.user_id
  WHERE k.id = j.api_key_id AND (k.expires_at IS NULL OR k.expires_at > now()) AND ku.disabled_at IS NULL))`;

/** The job `j` of the user `u` has items of the lane $1 that may start. */
const MAY_START = `j.lane = $1 AND j.ended_at IS NULL AND j.queued > 0 AND j.cancel_requested_at IS NULL AND ${IS_ALLOWED}`;

/** The jobs of an owner who has the turn `t`, the oldest first. */
const JOBS_OF_TURN = `SELECT j.id, j.created_at FROM jobs j JOIN users u ON u.id = j.owner_id
  WHERE j.owner_id = t.owner_id AND j.priority = t.priority AND ${MAY_START} ORDER BY j.created_at, j.id LIMIT ${CANDIDATES}`;

/** The items to choose from, with the turn that they take; the first one that nobody else has locked is claimed. */
const CHOICES = {
  /** Those that must run alone are few, and they hold up others. So their owners need not wait for their turns. */
  alone: `SELECT i.job_id, i.position, j.owner_id, j.priority
    FROM job_items i JOIN jobs j ON j.id = i.job_id JOIN users u ON u.id = j.owner_id
    WHERE i.is_alone AND i.state = 'queued' AND ${MAY_START}
    ORDER BY j.priority, j.created_at, i.job_id, i.position LIMIT 1 FOR UPDATE OF i SKIP LOCKED`,
  others: `SELECT item.job_id, item.position, open.owner_id, open.priority FROM (
      SELECT j.id, t.owner_id, t.priority FROM job_turns t CROSS JOIN LATERAL (${JOBS_OF_TURN}) j
      WHERE t.lane = $1 ORDER BY t.priority, t.served_at LIMIT ${CANDIDATES}
    ) AS open CROSS JOIN LATERAL (
      SELECT i.job_id, i.position FROM job_items i WHERE i.job_id = open.id AND i.state = 'queued' AND NOT i.is_alone
      ORDER BY i.position LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS item LIMIT 1`,
};

/** Nobody waits for the next turn while nobody else has jobs of this lane and priority. Whoever comes then is first. */
const IS_TURN_OVER = `(t.served_at = '-infinity' OR EXISTS (
  SELECT FROM job_turns o WHERE o.lane = $1 AND o.priority = chosen.priority AND o.owner_id <> chosen.owner_id))`;

/** What a worker has to know of the item `i` of the job `j`. */
const CLAIMED_COLUMNS = `i.job_id AS "jobId", i.position, i.attempt, j.owner_id AS owner, j.operation, j.parameters, j.retention, j.accepts,
  i.is_alone AS "isAlone", i.input_type AS "inputType", i.input_id AS "inputId", j.input_sha256 AS "inputSha256",
  j.input_size::float8 AS "inputSize"`;

const claimQuery = (choice: string) => `WITH chosen AS MATERIALIZED (${choice}), served AS (
    UPDATE job_turns t SET served_at = clock_timestamp() FROM chosen
    WHERE t.owner_id = chosen.owner_id AND t.lane = $1 AND t.priority = chosen.priority AND ${IS_TURN_OVER}
  ), claimed AS (
    UPDATE job_items i SET state = 'running', attempt = i.attempt + 1, worker_id = $2, lease_until = clock_timestamp() + make_interval(secs => $3),
      started_at = clock_timestamp(), ended_at = NULL, problem = NULL, progress = NULL
    FROM chosen WHERE i.job_id = chosen.job_id AND i.position = chosen.position
    RETURNING i.job_id, i.position, i.attempt, i.input_type, i.input_id, i.is_alone
  )
  SELECT ${CLAIMED_COLUMNS} FROM claimed i JOIN jobs j ON j.id = i.job_id`;

const CLAIMS = { alone: claimQuery(CHOICES.alone), others: claimQuery(CHOICES.others) };

/** Nobody has taken the turn `t` for a while, and its owner has nothing to do that may take it. */
const IS_UNUSED = `t.served_at < now() - interval '1 minute' AND NOT EXISTS (
  SELECT FROM jobs j WHERE j.owner_id = t.owner_id AND j.lane = t.lane AND j.priority = t.priority AND j.ended_at IS NULL)`;

type ClaimRow = Omit<ClaimedItem, 'input'> & {
  inputType: 'image' | 'artifact' | 'file';
  inputId: string;
  inputSha256: Buffer;
  inputSize: number;
};

/** Items that a worker holds, as arrays of the same length. */
interface Held {
  jobIds: string[];
  positions: number[];
  attempts: number[];
}

const HELD = `unnest($1::uuid[], $2::int[], $3::int[]) AS held (job_id, position, attempt)`;
const IS_HELD = `i.job_id = held.job_id AND i.position = held.position AND i.attempt = held.attempt AND i.state = 'running'`;

/**
 * The items of all jobs as a queue. Their rows are the truth: an item is claimed by one statement, leased, and fenced by its attempt.
 * Whatever wakes workers only says that there may be work.
 */
export class WorkQueue implements ItemQueue<ClaimedItem, ItemResult> {
  readonly #database: Database;
  readonly #blobs: BlobRegistry;

  constructor(database: Database, blobs: BlobRegistry) {
    this.#database = database;
    this.#blobs = blobs;
  }

  /**
   * Claims the next item: of the most urgent jobs that of the owner who was served longest ago.
   *
   * @param which `alone`: of the items that must run alone
   * @param leaseSeconds until when it must be renewed
   */
  async claim(
    lane: Lane,
    workerId: string,
    leaseSeconds: number,
    which: keyof typeof CLAIMS,
  ): Promise<ClaimedItem | undefined> {
    const { rows } = await this.#database.pool.query<ClaimRow>({
      name: `job-claim-${which}`,
      text: CLAIMS[which],
      values: [lane, workerId, leaseSeconds],
    });
    return rows[0] && toClaimedItem(rows[0]);
  }

  /**
   * The item of an attempt that still holds it, and whether its job is to be cancelled.
   *
   * @param credentialId of the worker: an attempt ends if it is revoked
   */
  async find(
    { jobId, position, attempt }: AttemptRef,
    credentialId: string,
  ): Promise<{ item: ClaimedItem; isCancelled: boolean } | undefined> {
    const { rows } = await this.#database.pool.query<ClaimRow & { isCancelled: boolean }>({
      name: 'job-attempt',
      text: `SELECT ${CLAIMED_COLUMNS}, j.cancel_requested_at IS NOT NULL AS "isCancelled"
        FROM job_items i JOIN jobs j ON j.id = i.job_id
        WHERE i.job_id = $1 AND i.position = $2 AND i.attempt = $3 AND i.state = 'running'
          AND EXISTS (SELECT FROM workers w WHERE w.id = $4)`,
      values: [jobId, position, attempt, credentialId],
    });
    const [row] = rows;
    if (row === undefined) return undefined;
    const { isCancelled, ...claimed } = row;
    return { item: toClaimedItem(claimed), isCancelled };
  }

  /** Whether items of this lane wait that must run alone. */
  async hasAlone(lane: Lane): Promise<boolean> {
    const { rows } = await this.#database.pool.query(
      `SELECT FROM job_items i JOIN jobs j ON j.id = i.job_id JOIN users u ON u.id = j.owner_id
       WHERE i.is_alone AND i.state = 'queued' AND ${MAY_START} LIMIT 1`,
      [lane],
    );
    return rows.length > 0;
  }

  /**
   * Renews the leases of attempts.
   *
   * @returns those that still hold their items, and whether their jobs are to be cancelled
   */
  async renew(
    attempts: readonly AttemptRef[],
    leaseSeconds: number,
  ): Promise<(AttemptRef & { isCancelled: boolean })[]> {
    const { jobIds, positions, attempts: numbers } = toArrays(attempts);
    const { rows } = await this.#database.pool.query<AttemptRef & { isCancelled: boolean }>(
      `UPDATE job_items i SET lease_until = clock_timestamp() + make_interval(secs => $4) FROM ${HELD} JOIN jobs j ON j.id = held.job_id
       WHERE ${IS_HELD}
       RETURNING i.job_id AS "jobId", i.position, i.attempt, j.cancel_requested_at IS NOT NULL AS "isCancelled"`,
      [jobIds, positions, numbers, leaseSeconds],
    );
    return rows;
  }

  /** Reports progress. @returns false if the attempt no longer holds the item */
  async report({ jobId, position, attempt }: AttemptRef, progress: ItemProgress): Promise<boolean> {
    const { rowCount } = await this.#database.pool.query(
      `WITH reported AS (
         UPDATE job_items SET progress = $4 WHERE job_id = $1 AND position = $2 AND attempt = $3 AND state = 'running' RETURNING job_id
       ) UPDATE jobs SET version = version + 1 FROM reported WHERE id = reported.job_id`,
      [jobId, position, attempt, JSON.stringify(progress)],
    );
    return rowCount === 1;
  }

  /** Ends an item. @returns false if the attempt no longer holds it, so that nothing is changed */
  async succeed(
    attempt: AttemptRef,
    result: ItemResult,
    client: Pick<ClientBase, 'query'> = this.#database.pool,
  ): Promise<boolean> {
    const { artifactId, frameSetId } = { artifactId: null, frameSetId: null, ...result };
    return this.#end(
      client,
      attempt,
      `state = 'succeeded', artifact_id = $4, frame_set_id = $5, is_new = $6`,
      [artifactId, frameSetId, result.isNew],
    );
  }

  /**
   * The same for an item whose file has become part of what it has made, in that transaction: the job's file no longer counts towards
   * the owner's quota.
   */
  async succeedWithFile(
    attempt: AttemptRef,
    result: ItemResult,
    client: Pick<ClientBase, 'query'>,
  ): Promise<boolean> {
    if (!(await this.succeed(attempt, result, client))) return false;
    await client.query('UPDATE jobs SET input_size = NULL WHERE id = $1', [attempt.jobId]);
    return true;
  }

  /** The same for one that failed. */
  async fail(attempt: AttemptRef, problem: ItemProblem): Promise<boolean> {
    return this.#end(this.#database.pool, attempt, `state = 'failed', problem = $4`, [
      JSON.stringify(problem),
    ]);
  }

  /** The same for one whose job is cancelled. */
  async cancel(attempt: AttemptRef): Promise<boolean> {
    return this.#end(this.#database.pool, attempt, `state = 'cancelled'`, []);
  }

  /**
   * Gives an item back that could not be worked on, so that it is claimed again.
   *
   * @param isDeath whether its process died; the third time, the item fails with `problem`
   */
  async giveBack({ jobId, position, attempt }: AttemptRef, death?: ItemProblem): Promise<boolean> {
    const { rowCount } = await this.#database.pool.query(
      `UPDATE job_items i SET ${requeued('$4::boolean', '$5::jsonb')}
       FROM jobs j WHERE j.id = i.job_id AND i.job_id = $1 AND i.position = $2 AND i.attempt = $3 AND i.state = 'running'`,
      [jobId, position, attempt, death !== undefined, JSON.stringify(death ?? null)],
    );
    return rowCount === 1;
  }

  /**
   * Gives back items whose leases have expired: their process has died, or is too slow. They run again alone, because one of them may
   * be the reason. After a start of the database, processes get the time of a lease to renew theirs.
   *
   * @returns how many there were
   */
  async reap(leaseSeconds: number): Promise<number> {
    const { rowCount } = await this.#database.pool.query(
      `UPDATE job_items i SET ${requeued('i.is_alone', '$1::jsonb')}, is_alone = true
       FROM (
         SELECT job_id, position FROM job_items WHERE state = 'running' AND lease_until < now()
           AND pg_postmaster_start_time() < now() - make_interval(secs => $2)
         ORDER BY job_id, position FOR UPDATE SKIP LOCKED
       ) AS late JOIN jobs j ON j.id = late.job_id WHERE i.job_id = late.job_id AND i.position = late.position`,
      [JSON.stringify(WORKER_LOST), leaseSeconds],
    );
    return rowCount ?? 0;
  }

  /** Ends the queued items that will never start: of jobs that were cancelled, have expired, or whose credential was revoked. */
  async endHopeless(): Promise<void> {
    const end = (change: string, condition: string, values: unknown[]) =>
      this.#database.pool.query(
        `UPDATE job_items i SET ended_at = clock_timestamp(), ${change}
         FROM (
           SELECT i.job_id, i.position FROM jobs j JOIN users u ON u.id = j.owner_id JOIN job_items i ON i.job_id = j.id
           WHERE j.ended_at IS NULL AND i.state = 'queued' AND ${condition} ORDER BY i.job_id, i.position FOR UPDATE OF i SKIP LOCKED
         ) AS hopeless WHERE i.job_id = hopeless.job_id AND i.position = hopeless.position`,
        values,
      );
    await end(`state = 'cancelled'`, 'j.cancel_requested_at IS NOT NULL', []);
    await end(`state = 'failed', problem = $1`, `NOT (${IS_ALLOWED})`, [JSON.stringify(REVOKED)]);
    await end(`state = 'expired'`, 'j.expires_at < now()', []);
  }

  /** Forgets the turns of owners who have nothing to do, so that claims need not pass them over. */
  async forgetTurns(): Promise<void> {
    await withTransaction(this.#database.pool, async (client) => {
      // Whoever stores a job now has locked its turn already, or waits for this transaction and then makes a new one.
      const { rows } = await client.query<{ owner: string; lane: string; priority: number }>(
        `SELECT owner_id AS owner, lane, priority FROM job_turns t WHERE ${IS_UNUSED} FOR UPDATE SKIP LOCKED`,
      );
      if (rows.length === 0) return;
      // Others may have stored a job after the first statement began, and before its locks.
      await client.query(
        `DELETE FROM job_turns t USING unnest($1::uuid[], $2::text[], $3::int[]) AS over (owner_id, lane, priority)
         WHERE t.owner_id = over.owner_id AND t.lane = over.lane AND t.priority = over.priority AND ${IS_UNUSED}`,
        [rows.map(({ owner }) => owner), rows.map(({ lane }) => lane), rows.map(({ priority }) => priority)],
      );
    });
  }

  /** Drops the files of jobs that have succeeded. @returns the SHA-256 of the bytes that may be gone */
  async dropInputs(): Promise<Buffer[]> {
    return withTransaction(this.#database.pool, async (client, transaction) => {
      const { rows } = await client.query<{ sha256: Buffer }>(
        `UPDATE jobs j SET input_sha256 = NULL, input_size = NULL
         FROM (SELECT id, input_sha256 FROM jobs WHERE input_sha256 IS NOT NULL AND state = 'succeeded' FOR UPDATE SKIP LOCKED) AS done
         WHERE j.id = done.id RETURNING done.input_sha256 AS sha256`,
      );
      const dropped = rows.map(({ sha256 }) => sha256);
      await this.#blobs.deleteUnreferenced(dropped, transaction);
      return dropped;
    });
  }

  /** Deletes some of the jobs that ended long ago. @returns how many; 0 if none is left */
  async deleteOld(retentionSeconds: number): Promise<number> {
    return withTransaction(this.#database.pool, async (client, transaction) => {
      const { rows } = await client.query<{ input: Buffer | null }>(
        `DELETE FROM jobs WHERE id IN (
           SELECT id FROM jobs WHERE ended_at < now() - make_interval(secs => $1) ORDER BY ended_at LIMIT ${DELETED_AT_ONCE} FOR UPDATE SKIP LOCKED
         ) RETURNING input_sha256 AS input`,
        [retentionSeconds],
      );
      const inputs = rows.flatMap(({ input }) => input ?? []);
      await this.#blobs.deleteUnreferenced(inputs, transaction);
      return rows.length;
    });
  }

  async #end(
    client: Pick<ClientBase, 'query'>,
    { jobId, position, attempt }: AttemptRef,
    change: string,
    values: readonly unknown[],
  ): Promise<boolean> {
    const { rowCount } = await client.query(
      `UPDATE job_items SET ended_at = clock_timestamp(), lease_until = NULL, worker_id = NULL, ${change}
       WHERE job_id = $1 AND position = $2 AND attempt = $3 AND state = 'running'`,
      [jobId, position, attempt, ...values],
    );
    return rowCount === 1;
  }
}

/** The columns of an item `i` of the job `j` that is given back, or ends if its job is cancelled or it has died too often. */
function requeued(isDeath: string, problem: string): string {
  const isPoison = `(${isDeath} AND i.deaths + 1 >= ${MAX_DEATHS})`;
  return `deaths = i.deaths + (${isDeath})::int, lease_until = NULL, worker_id = NULL, progress = NULL,
    state = CASE WHEN ${isPoison} THEN 'failed' WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE 'queued' END,
    problem = CASE WHEN ${isPoison} THEN ${problem} END,
    ended_at = CASE WHEN ${isPoison} OR j.cancel_requested_at IS NOT NULL THEN clock_timestamp() END`;
}

function toArrays(attempts: readonly AttemptRef[]): Held {
  return {
    jobIds: attempts.map(({ jobId }) => jobId),
    positions: attempts.map(({ position }) => position),
    attempts: attempts.map(({ attempt }) => attempt),
  };
}

function toClaimedItem({ inputType, inputId, inputSha256, inputSize, ...row }: ClaimRow): ClaimedItem {
  const input =
    inputType === 'file'
      ? { type: inputType, sha256: inputSha256, size: inputSize }
      : { type: inputType, id: inputId };
  return { ...row, input };
}
