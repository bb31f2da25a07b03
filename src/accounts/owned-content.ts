import type { ClientBase } from 'pg';
import type { OwnerId } from '../auth/owner.ts';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { AppError } from '../core/errors.ts';
import { type Database, hasState, UNIQUE_VIOLATION, withTransaction } from '../db/database.ts';

/** A kind of resource that users own, with the way to delete one. */
interface OwnedResource {
  table: 'images' | 'artifacts' | 'frame_sets' | 'jobs';
  /** @returns the SHA-256 of the bytes that may be gone */
  delete(owner: OwnerId, id: string): Promise<Buffer[]>;
}

export interface OwnedContentOptions {
  database: Database;
  blobs: BlobReader;
  /** In the order in which they are deleted. Deleting an image deletes what was derived from it. */
  resources: readonly OwnedResource[];
}

/** What was handed over. */
export interface Handover {
  images: number;
  artifacts: number;
  frameSets: number;
  jobs: number;
  /** Images that the other user had already. */
  duplicates: number;
}

const BATCH = 500;

/** An image of the user $1 that the user $2 has, too. */
const IS_DUPLICATE = `i.owner_id = $1 AND EXISTS (SELECT FROM images o WHERE o.owner_id = $2 AND o.sha256 = i.sha256)`;

/** Everything that a user owns, for when the user is deleted. */
export class OwnedContent {
  readonly #options: OwnedContentOptions;

  constructor(options: OwnedContentOptions) {
    this.#options = options;
  }

  /** Deletes everything, one resource after the other. If it is interrupted, it can be called again. */
  async delete(owner: OwnerId): Promise<void> {
    for (const { table, ...resource } of this.#options.resources) {
      await this.#deleteEach(`SELECT id FROM ${table} WHERE owner_id = $1 LIMIT ${BATCH}`, [owner], (id) =>
        resource.delete(owner, id),
      );
    }
  }

  /**
   * Gives everything to another user. An owner has one image for equal bytes, so images that the other user has already stay behind with
   * what was derived from them. They are deleted afterwards. If that is interrupted, this can be called again.
   *
   * @throws AppError `quota_exceeded` if the other user may not store all of it; then nothing is moved or deleted. `conflict` if both
   *   users keep uploading the same images
   */
  async handOver(from: OwnerId, to: OwnerId): Promise<Handover> {
    const { database, resources } = this.#options;
    const images = resources.find(({ table }) => table === 'images');
    if (!images) throw new Error('There are images.');
    const moved = await this.#move(from, to);
    const duplicates = await this.#deleteEach(
      `SELECT i.id FROM images i WHERE ${IS_DUPLICATE} LIMIT ${BATCH}`,
      [from, to],
      (id) => images.delete(from, id),
    );
    await database.changes.caughtUp();
    return { ...moved, duplicates };
  }

  /** Moves all but duplicates and what was derived from them, in one transaction. */
  async #move(from: OwnerId, to: OwnerId): Promise<Omit<Handover, 'duplicates'>> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      try {
        return await withTransaction(this.#options.database.pool, (client) => moveAll(client, from, to));
      } catch (error) {
        // The other user has just uploaded the same image.
        if (!hasState(error, [UNIQUE_VIOLATION])) throw error;
      }
    }
    throw new AppError('conflict', 'Both users are uploading the same images at the moment; try again.');
  }

  /** @returns how many there were */
  async #deleteEach(
    select: string,
    values: readonly string[],
    deleteOne: (id: string) => Promise<Buffer[]>,
  ): Promise<number> {
    const { database, blobs } = this.#options;
    for (let count = 0; ; ) {
      const { rows } = await database.pool.query<{ id: string }>(select, [...values]);
      if (rows.length === 0) return count;
      for (const { id } of rows) {
        const gone = await deleteOne(id).catch((error: unknown) => {
          // It was derived from one that was just deleted, or its owner deleted it.
          if (error instanceof AppError && error.code === 'not_found') return [];
          throw error;
        });
        blobs.forget(gone);
        count += 1;
      }
    }
  }
}

async function moveAll(
  client: ClientBase,
  from: OwnerId,
  to: OwnerId,
): Promise<Omit<Handover, 'duplicates'>> {
  const move = async (table: OwnedResource['table'], staying: string) => {
    const { rows } = await client.query<{ count: number; bytes: string }>(
      `WITH RECURSIVE duplicates AS (SELECT i.id FROM images i WHERE ${IS_DUPLICATE}),
         derived (id) AS (
           SELECT artifact_id FROM artifact_inputs WHERE image_id IN (SELECT id FROM duplicates)
           UNION
           SELECT i.artifact_id FROM artifact_inputs i JOIN derived d ON i.input_artifact_id = d.id
         ),
         moved AS (
           UPDATE ${table} SET owner_id = $2 WHERE owner_id = $1 AND id NOT IN (${staying})
           RETURNING counted_bytes(${table}) AS bytes
         )
       SELECT count(*)::int AS count, coalesce(sum(bytes), 0) AS bytes FROM moved`,
      [from, to],
    );
    return rows[0] as (typeof rows)[0];
  };
  await client.query("SET LOCAL coreframe.counts_by_itself = 'on'");
  const artifacts = await move('artifacts', 'SELECT id FROM derived');
  const images = await move('images', 'SELECT id FROM duplicates');
  const frameSets = await move('frame_sets', 'SELECT id FROM derived WHERE false');
  // The other user may have used the same keys, and what the old user's API keys have begun goes on.
  await client.query('UPDATE jobs SET idempotency_key = NULL, api_key_id = NULL WHERE owner_id = $1', [from]);
  const jobs = await move('jobs', 'SELECT id FROM derived WHERE false');
  const bytes = [artifacts, images, frameSets, jobs].reduce((sum, moved) => sum + BigInt(moved.bytes), 0n);
  await client.query('SELECT count_stored_bytes($1, $2)', [from, String(-bytes)]);
  await client.query('SELECT count_stored_bytes($1, $2)', [to, String(bytes)]);
  return { images: images.count, artifacts: artifacts.count, frameSets: frameSets.count, jobs: jobs.count };
}
