import { Type } from '@sinclair/typebox';
import type { OwnerId } from '../auth/owner.ts';
import type { BlobRegistry } from '../blobs/postgres/blob-registry.ts';
import { CursorId, CursorTime, decodeCursor, type Page, toPage } from '../core/cursor.ts';
import { AppError } from '../core/errors.ts';
import { type Database, withTransaction } from '../db/database.ts';
import type { FrameSet, Prisma } from '../db/generated/client.ts';
import { MAX_DEPTH } from './rows/row.ts';

/** Distinguishes cursors of this list from those of other lists by time. */
const CURSOR_KIND = 'frame-sets';
const CursorSchema = Type.Tuple([Type.Literal(CURSOR_KIND), CursorTime, CursorId]);

export interface FrameSetChanges {
  name?: string;
  depthUnit?: string | null;
}

export interface FrameSetFilter {
  ids?: readonly string[] | undefined;
  /** Only frame sets that may have frames in this range of depths, both ends included. */
  depthMin?: number | undefined;
  depthMax?: number | undefined;
}

/** Frame sets in PostgreSQL. Every method sees only the frame sets of one owner. */
export class FrameSetStore {
  readonly #database: Database;
  readonly #blobs: BlobRegistry;

  constructor(database: Database, blobs: BlobRegistry) {
    this.#database = database;
    this.#blobs = blobs;
  }

  /** @throws AppError `not_found`, also for someone else's frame set */
  async get(owner: OwnerId, id: string): Promise<FrameSet> {
    const frameSet = await this.#database.prisma.frameSet.findFirst({ where: { ownerId: owner, id } });
    if (!frameSet) throw frameSetNotFound(id);
    return frameSet;
  }

  /**
   * Newest first.
   *
   * @param options.name part of the names, regardless of case
   */
  async list(
    owner: OwnerId,
    { limit, cursor, name }: { limit: number; cursor?: string | undefined; name?: string | undefined },
  ): Promise<Page<FrameSet>> {
    const frameSets = await this.#database.prisma.frameSet.findMany({
      where: {
        ownerId: owner,
        ...(name === undefined ? {} : { name: { contains: escapeLike(name), mode: 'insensitive' } }),
        ...(cursor === undefined ? {} : afterCursor(cursor)),
      },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: limit + 1,
    });
    return toPage(frameSets, limit, ({ createdAt, id }) => [CURSOR_KIND, createdAt.toISOString(), id]);
  }

  /**
   * All frame sets that match a filter, by id.
   * @throws AppError `not_found` if the filter names a frame set that does not exist
   */
  async select(owner: OwnerId, { ids, depthMin, depthMax }: FrameSetFilter): Promise<FrameSet[]> {
    if (ids !== undefined) return this.#getAll(owner, ids);
    return this.#database.prisma.frameSet.findMany({
      where: {
        ownerId: owner,
        ...(depthMin === undefined ? {} : { depthMax: { gte: toRowDepth(depthMin) } }),
        ...(depthMax === undefined ? {} : { depthMin: { lte: toRowDepth(depthMax) } }),
      },
      orderBy: { id: 'asc' },
    });
  }

  async #getAll(owner: OwnerId, ids: readonly string[]): Promise<FrameSet[]> {
    const wanted = [...new Set(ids.map((id) => id.toLowerCase()))].sort();
    const where = { ownerId: owner, id: { in: wanted } };
    const found = await this.#database.prisma.frameSet.findMany({ where, orderBy: { id: 'asc' } });
    const missing = wanted.find((id) => !found.some((set) => set.id === id));
    if (missing !== undefined) throw frameSetNotFound(missing);
    return found;
  }

  /** @throws AppError `not_found` */
  async update(owner: OwnerId, id: string, changes: FrameSetChanges): Promise<FrameSet> {
    const [frameSet] = await this.#database.prisma.frameSet.updateManyAndReturn({
      where: { ownerId: owner, id },
      data: { ...changes, updatedAt: new Date() },
    });
    if (!frameSet) throw frameSetNotFound(id);
    return frameSet;
  }

  /**
   * Deletes the frame set with all its frames and its file.
   * @returns the SHA-256 of the bytes that may be gone
   * @throws AppError `not_found`
   */
  async delete(owner: OwnerId, id: string): Promise<Buffer[]> {
    return withTransaction(this.#database.pool, async (client, transaction) => {
      const { rows } = await client.query<{ file: Buffer | null }>(
        'DELETE FROM frame_sets WHERE owner_id = $1 AND id = $2 RETURNING file_sha256 AS file',
        [owner, id],
      );
      if (rows.length === 0) throw frameSetNotFound(id);
      const files = rows.flatMap(({ file }) => file ?? []);
      await this.#blobs.deleteUnreferenced(files, transaction);
      return files;
    });
  }

  /**
   * The frame set that a frame belongs to.
   * @throws AppError `not_found`, also for someone else's frame
   */
  async ofFrame(owner: OwnerId, frameId: number): Promise<FrameSet> {
    const frame = await this.#database.prisma.frame.findFirst({
      where: { id: frameId, frameSet: { ownerId: owner } },
      select: { frameSet: true },
    });
    if (!frame) throw new AppError('not_found', `There is no frame ${frameId}.`);
    return frame.frameSet;
  }
}

/** Text in a pattern of LIKE, to which Prisma passes it as it is. */
function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

function afterCursor(cursor: string): Prisma.FrameSetWhereInput {
  const [, time, id] = decodeCursor(cursor, CursorSchema);
  const createdAt = new Date(time);
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] };
}

function frameSetNotFound(id: string): AppError {
  return new AppError('not_found', `There is no frame set ${id}.`);
}

/** The nearest depth that a row can have. Prisma rounds the largest doubles up to numbers that PostgreSQL refuses. */
function toRowDepth(depth: number): number {
  return Math.min(Math.max(depth, -MAX_DEPTH), MAX_DEPTH);
}
