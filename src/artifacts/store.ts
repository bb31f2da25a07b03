import { randomUUID } from 'node:crypto';
import type { OwnerId } from '../auth/owner.ts';
import type { BlobRegistry } from '../blobs/postgres/blob-registry.ts';
import { decodeTimeCursor, type Page, toTimePage } from '../core/cursor.ts';
import { AppError } from '../core/errors.ts';
import {
  type Database,
  FOREIGN_KEY_VIOLATION,
  hasState,
  UNIQUE_VIOLATION,
  withTransaction,
} from '../db/database.ts';
import { KnownRows } from '../db/row-cache/known-rows.ts';
import type { Artifact, NewArtifact } from '../work/artifact.ts';
import type { StoredRef } from '../work/inputs.ts';
import type { ArtifactRepository } from '../work/make.ts';
import type { Work } from '../work/work.ts';
import { blobsOf, deleteDerivedFrom, NAMED_BLOBS, type NamedBlobs } from './delete-derived.ts';
import type { ArtifactListQuery } from './schemas.ts';

/** What is needed to send an artifact's bytes. */
export type ArtifactContent = Pick<
  Artifact,
  'id' | 'sha256' | 'size' | 'filename' | 'mediaType' | 'retention' | 'idleMs'
>;

/** What is needed to pack the files of artifacts. */
export type ArtifactFile = Pick<
  Artifact,
  'id' | 'operation' | 'filename' | 'sha256' | 'size' | 'document' | 'createdAt'
>;

/** The part of a logger that is needed here. */
export interface UseLog {
  warn(details: object, message: string): void;
}

/** By the database's clock alone, because those of the processes may differ. */
const IDLE_MS = '1000 * extract(epoch FROM clock_timestamp() - last_used_at)::float8 AS "idleMs"';

/** A time after those of all cached artifacts, even if the clock was set back. */
const NEXT_USE = `greatest(clock_timestamp(),
  (SELECT max(last_used_at) + interval '1 ms' FROM artifacts WHERE retention = 'cached'))`;

const COLUMNS = `a.id, a.kind, a.operation, a.version, a.parameters, a.sha256, a.size::float8 AS size, a.filename,
  a.media_type AS "mediaType", a.result, a.retention, a.created_at AS "createdAt", ${IDLE_MS},
  a.document_sha256 AS "documentSha256", a.document_size::float8 AS "documentSize",
  (SELECT jsonb_agg(CASE WHEN i.image_id IS NULL THEN jsonb_build_object('type', 'artifact', 'id', i.input_artifact_id)
                         ELSE jsonb_build_object('type', 'image', 'id', i.image_id) END ORDER BY i.position)
   FROM artifact_inputs i WHERE i.artifact_id = a.id) AS inputs`;

/** A row of these columns. */
type Row = Omit<Artifact, 'document'> & { documentSha256: Buffer | null; documentSize: number | null };

/** The columns of an artifact's document as one value. */
function withDocument<Columns extends { documentSha256: Buffer | null; documentSize: number | null }>({
  documentSha256,
  documentSize,
  ...others
}: Columns) {
  const document =
    documentSha256 === null || documentSize === null ? null : { sha256: documentSha256, size: documentSize };
  return { ...others, document };
}

/** Minimum time between two recorded uses of a cached artifact. */
const TOUCH_AFTER_MS = 60_000;

/** Half a KB each. */
const KNOWN_CONTENTS = 10_000;

/** No `ON CONFLICT`: if an equal artifact came first, the transaction must fail, so that its bytes are not stored. */
const INSERT = `WITH stored AS (
    INSERT INTO artifacts (id, owner_id, key, kind, operation, version, parameters, sha256, size, filename, media_type,
                           result, retention, document_sha256, document_size, last_used_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, ${NEXT_USE})
    RETURNING id, parameters, result, created_at AS "createdAt", 0 AS "idleMs"
  ), derived AS (
    INSERT INTO artifact_inputs (artifact_id, position, image_id, input_artifact_id)
    SELECT stored.id, position - 1, image_id, artifact_id
    FROM stored, unnest($16::uuid[], $17::uuid[]) WITH ORDINALITY AS input (image_id, artifact_id, position)
  )
  SELECT * FROM stored`;

/** Artifacts in PostgreSQL. Every method is bound to an owner and sees only that owner's rows. */
export class ArtifactStore implements ArtifactRepository {
  readonly #database: Database;
  readonly #blobs: BlobRegistry;
  /** Artifacts whose bytes were recently requested. */
  readonly #contents: KnownRows<ArtifactContent>;

  constructor(database: Database, blobs: BlobRegistry) {
    this.#database = database;
    this.#blobs = blobs;
    this.#contents = new KnownRows({
      table: 'artifacts',
      max: KNOWN_CONTENTS,
      changes: database.changes,
      lookUp: (owner, id) => this.#findContent(owner, id),
    });
  }

  /** @throws AppError `not_found`, also if the artifact has another owner */
  async get(owner: OwnerId, id: string): Promise<Artifact> {
    const artifact = await this.#find(owner, 'id', id);
    if (!artifact) throw artifactNotFound(id);
    return artifact;
  }

  /** @throws AppError `not_found`, also if the artifact has another owner */
  async getContent(owner: OwnerId, id: string): Promise<ArtifactContent> {
    const content = await this.#contents.get(owner, id.toLowerCase());
    if (!content) throw artifactNotFound(id);
    return content;
  }

  /** The files of those of the artifacts that exist. */
  async files(owner: OwnerId, ids: readonly string[]): Promise<ArtifactFile[]> {
    const { rows } = await this.#database.pool.query<
      Omit<ArtifactFile, 'document'> & { documentSha256: Buffer | null; documentSize: number | null }
    >(
      `SELECT id, operation, filename, sha256, size::float8 AS size, created_at AS "createdAt",
              document_sha256 AS "documentSha256", document_size::float8 AS "documentSize"
       FROM artifacts WHERE id = ANY($1) AND owner_id = $2`,
      [ids, owner],
    );
    return rows.map(withDocument);
  }

  async findByKey(owner: OwnerId, key: Buffer): Promise<Artifact | undefined> {
    return this.#find(owner, 'key', key);
  }

  /**
   * Stores the artifact and its bytes in one transaction.
   *
   * @returns the stored artifact; if an equal one came first, that one, with `isNew` false
   * @throws AppError `not_found` if an input has been deleted in the meantime
   */
  async create(owner: OwnerId, artifact: NewArtifact): Promise<{ artifact: Artifact; isNew: boolean }> {
    const created = await this.#insert(owner, artifact);
    if (created) return { artifact: created, isNew: true };
    const stored = await this.findByKey(owner, artifact.key);
    if (!stored)
      throw new AppError(
        'conflict',
        'The same artifact is being made and deleted at the same time; try again.',
      );
    return { artifact: stored, isNew: false };
  }

  /**
   * Artifacts, newest first.
   *
   * @param input only artifacts that have this image or artifact as a direct input
   */
  async list(owner: OwnerId, query: ArtifactListQuery, input?: StoredRef): Promise<Page<Artifact>> {
    const [createdAt, after] = decodeTimeCursor(query.cursor);
    const { kind, operation, retention, created_after: from, created_before: before, limit } = query;
    const column = input?.type === 'artifact' ? 'input_artifact_id' : 'image_id';
    const ofInput = `EXISTS (SELECT FROM artifact_inputs i WHERE i.artifact_id = a.id AND i.${column} = $10)`;
    const { rows } = await this.#database.pool.query<Row>(
      `SELECT ${COLUMNS} FROM artifacts a
       WHERE a.owner_id = $1 AND ($2::timestamptz IS NULL OR (a.created_at, a.id) < ($2, $3::uuid))
         AND ($4::text IS NULL OR a.kind = $4) AND ($5::text IS NULL OR a.operation = $5)
         AND ($6::text IS NULL OR a.retention = $6)
         AND ($7::timestamptz IS NULL OR a.created_at >= $7) AND ($8::timestamptz IS NULL OR a.created_at < $8)
         ${input === undefined ? '' : `AND ${ofInput}`}
       ORDER BY a.created_at DESC, a.id DESC LIMIT $9`,
      [
        owner,
        createdAt,
        after,
        kind,
        operation,
        retention,
        // PostgreSQL refuses some of the zones that RFC 3339 allows.
        from && new Date(from),
        before && new Date(before),
        limit + 1,
        ...(input ? [input.id] : []),
      ],
    );
    return toTimePage(rows.map(withDocument), limit);
  }

  /** How many of the images of a format have an artifact of this work. */
  async countMade(
    owner: OwnerId,
    { operation, version, params }: Pick<Work, 'operation' | 'version' | 'params'>,
    images: { format: string; ids: readonly string[] },
  ): Promise<number> {
    const { rows } = await this.#database.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM unnest($5::uuid[]) AS given (id)
       JOIN images i ON i.id = given.id AND i.format = $6
       JOIN artifact_inputs s ON s.image_id = i.id AND s.position = 0
       JOIN artifacts a ON a.id = s.artifact_id AND a.owner_id = $1
       WHERE a.operation = $2 AND a.version = $3 AND a.parameters = $4`,
      [owner, operation, version, JSON.stringify(params), images.ids, images.format],
    );
    return rows[0]?.count ?? 0;
  }

  /** @returns false if the artifact no longer exists */
  async keep(owner: OwnerId, id: string): Promise<boolean> {
    const { rowCount } = await this.#database.pool.query(
      `UPDATE artifacts SET retention = 'kept' WHERE owner_id = $1 AND id = $2`,
      [owner, id],
    );
    return rowCount === 1;
  }

  /** Records the use of a cached artifact, at most once a minute. A failure is only logged. */
  noteUse(artifact: Pick<Artifact, 'id' | 'retention' | 'idleMs'>, log: UseLog): void {
    // If the clock was set back, the last use lies in the future.
    if (artifact.retention !== 'cached' || Math.abs(artifact.idleMs) < TOUCH_AFTER_MS) return;
    artifact.idleMs = 0;
    this.#database.pool
      .query(`UPDATE artifacts SET last_used_at = ${NEXT_USE} WHERE id = $1`, [artifact.id])
      .catch((err: unknown) => log.warn({ err }, 'artifact use not recorded'));
  }

  /**
   * Deletes the artifact, everything derived from it, and the bytes that no row names afterwards.
   *
   * @returns the SHA-256 of the bytes, for caches to forget
   * @throws AppError `not_found`
   */
  async delete(owner: OwnerId, id: string): Promise<Buffer[]> {
    const deleted = await withTransaction(this.#database.pool, async (client, transaction) => {
      const { rowCount } = await client.query(
        'SELECT FROM artifacts WHERE owner_id = $1 AND id = $2 FOR UPDATE',
        [owner, id],
      );
      if (rowCount === 0) throw artifactNotFound(id);
      const derived = await deleteDerivedFrom(client, { artifactId: id });
      const { rows } = await client.query<NamedBlobs>(
        `DELETE FROM artifacts WHERE id = $1 RETURNING ${NAMED_BLOBS}`,
        [id],
      );
      const deleted = [...blobsOf(rows), ...derived];
      await this.#blobs.deleteUnreferenced(deleted, transaction);
      return deleted;
    });
    await this.#database.changes.caughtUp();
    return deleted;
  }

  /**
   * Deletes up to 1,000 cached artifacts while those of all owners together take more than `maxBytes`. Owners share the bytes
   * fairly: whoever has most loses the least recently used first, and nobody loses anything to an owner who has more. Artifacts
   * that others were derived from stay.
   *
   * @returns the SHA-256 of the bytes, for caches to forget; empty if there was nothing to delete
   */
  async evictCached(maxBytes: number): Promise<Buffer[]> {
    return withTransaction(this.#database.pool, async (client, transaction) => {
      const { rows: victims } = await client.query<{ id: string }>(
        `WITH cached AS (
           SELECT id, owner_id, last_used_at, size + coalesce(document_size, 0) AS bytes
           FROM artifacts WHERE retention = 'cached'
         ), ranked AS (
           SELECT id, bytes, sum(bytes) OVER (PARTITION BY owner_id ORDER BY last_used_at DESC, id) AS of_owner FROM cached
         ), shared AS (
           SELECT id, of_owner, sum(bytes) OVER (ORDER BY of_owner, id) AS total FROM ranked
         )
         SELECT a.id FROM artifacts a JOIN shared s USING (id)
         WHERE s.total > $1 AND NOT EXISTS (SELECT FROM artifact_inputs i WHERE i.input_artifact_id = a.id)
         ORDER BY s.of_owner DESC LIMIT 1000 FOR UPDATE OF a SKIP LOCKED`,
        [maxBytes],
      );
      if (victims.length === 0) return [];
      // Checked again under the locks: in the meantime they may have been kept, or others derived from them.
      const { rows } = await client.query<NamedBlobs>(
        `DELETE FROM artifacts a WHERE id = ANY($1::uuid[]) AND retention = 'cached'
           AND NOT EXISTS (SELECT FROM artifact_inputs i WHERE i.input_artifact_id = a.id)
         RETURNING ${NAMED_BLOBS}`,
        [victims.map(({ id }) => id)],
      );
      const deleted = blobsOf(rows);
      await this.#blobs.deleteUnreferenced(deleted, transaction);
      return deleted;
    });
  }

  /** Compares the owner as text: PostgreSQL may otherwise choose the index of owners if it plans while the table is empty. */
  async #find(owner: OwnerId, column: 'id' | 'key', value: string | Buffer): Promise<Artifact | undefined> {
    const { rows } = await this.#database.pool.query<Row>({
      name: `artifact-by-${column}`,
      text: `SELECT ${COLUMNS} FROM artifacts a WHERE a.${column} = $1 AND a.owner_id::text = $2`,
      values: [value, owner],
    });
    return rows[0] && withDocument(rows[0]);
  }

  /** Without the JSON columns and the inputs, which make up half the cost of reading an artifact. */
  async #findContent(owner: string, id: string): Promise<ArtifactContent | undefined> {
    const { rows } = await this.#database.pool.query<ArtifactContent>({
      name: 'artifact-content',
      text: `SELECT id, sha256, size::float8 AS size, filename, media_type AS "mediaType", retention,
                    ${IDLE_MS}
             FROM artifacts WHERE id = $1 AND owner_id::text = $2`,
      values: [id, owner],
    });
    return rows[0];
  }

  /** @returns undefined if another process has stored an equal artifact first */
  async #insert(
    owner: OwnerId,
    { key, file, document, ...artifact }: NewArtifact,
  ): Promise<Artifact | undefined> {
    const idsOf = (type: StoredRef['type']) =>
      artifact.inputs.map((input) => (input.type === type ? input.id : null));
    try {
      return await withTransaction(this.#database.pool, async (client, transaction) => {
        await this.#blobs.add(document ? [file, document] : [file], transaction);
        const { rows } = await client.query<
          Pick<Artifact, 'id' | 'parameters' | 'result' | 'createdAt' | 'idleMs'>
        >({
          name: 'artifact-insert',
          text: INSERT,
          values: [
            randomUUID(),
            owner,
            key,
            artifact.kind,
            artifact.operation,
            artifact.version,
            JSON.stringify(artifact.parameters),
            file.sha256,
            file.size,
            artifact.filename,
            artifact.mediaType,
            JSON.stringify(artifact.result),
            artifact.retention,
            document?.sha256,
            document?.size,
            idsOf('image'),
            idsOf('artifact'),
          ],
        });
        const [stored] = rows;
        return (
          stored && {
            ...artifact,
            ...stored,
            sha256: file.sha256,
            size: file.size,
            document: document && { sha256: document.sha256, size: document.size },
          }
        );
      });
    } catch (error) {
      if (hasState(error, [UNIQUE_VIOLATION])) return undefined;
      if (hasState(error, [FOREIGN_KEY_VIOLATION])) {
        throw new AppError('not_found', 'An input of the artifact has been deleted in the meantime.', {
          cause: error,
        });
      }
      throw error;
    }
  }
}

function artifactNotFound(id: string): AppError {
  return new AppError('not_found', `There is no artifact ${id}.`);
}
