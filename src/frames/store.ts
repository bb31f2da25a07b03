import { Type } from '@sinclair/typebox';
import type { OwnerId } from '../auth/owner.ts';
import { CursorId, CursorTime, decodeCursor, type Page, toPage } from '../core/cursor.ts';
import { AppError } from '../core/errors.ts';
import { type Database, withTransaction } from '../db/database.ts';
import type { FrameSet, Prisma } from '../db/generated/client.ts';

/** Distinguishes cursors of this list from those of other lists by time. */
const CURSOR_KIND = 'frame-sets';
const CursorSchema = Type.Tuple([Type.Literal(CURSOR_KIND), CursorTime, CursorId]);

export interface FrameSetChanges {
  name?: string;
  depthUnit?: string | null;
}

export interface FrameSetFilter {
  id?: string | undefined;
  /** Only frame sets that may have frames in this range of depths, both ends included. */
  depthMin?: number | undefined;
  depthMax?: number | undefined;
}

/** Frame sets in PostgreSQL. Every method sees only the frame sets of one owner. */
export class FrameSetStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @throws AppError `not_found`, also for someone else's frame set */
  async get(owner: OwnerId, id: string): Promise<FrameSet> {
    const frameSet = await this.#database.prisma.frameSet.findFirst({ where: { ownerId: owner, id } });
    if (!frameSet) throw frameSetNotFound(id);
    return frameSet;
  }

  /** Newest first. */
  async list(
    owner: OwnerId,
    { limit, cursor }: { limit: number; cursor?: string | undefined },
  ): Promise<Page<FrameSet>> {
    const frameSets = await this.#database.prisma.frameSet.findMany({
      where: { ownerId: owner, ...(cursor === undefined ? {} : afterCursor(cursor)) },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: limit + 1,
    });
    return toPage(frameSets, limit, ({ createdAt, id }) => [CURSOR_KIND, createdAt.toISOString(), id]);
  }

  /**
   * All frame sets that match a filter, by id.
   * @throws AppError `not_found` if the filter names a frame set that does not exist
   */
  async select(owner: OwnerId, { id, depthMin, depthMax }: FrameSetFilter): Promise<FrameSet[]> {
    if (id !== undefined) return [await this.get(owner, id)];
    return this.#database.prisma.frameSet.findMany({
      where: {
        ownerId: owner,
        ...(depthMin === undefined ? {} : { depthMax: { gte: depthMin } }),
        ...(depthMax === undefined ? {} : { depthMin: { lte: depthMax } }),
      },
      orderBy: { id: 'asc' },
    });
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
   * Deletes the frame set with all its frames.
   * @throws AppError `not_found`
   */
  async delete(owner: OwnerId, id: string): Promise<void> {
    await withTransaction(this.#database.pool, async (client) => {
      const { rowCount } = await client.query('DELETE FROM frame_sets WHERE owner_id = $1 AND id = $2', [
        owner,
        id,
      ]);
      if (rowCount === 0) throw frameSetNotFound(id);
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

function afterCursor(cursor: string): Prisma.FrameSetWhereInput {
  const [, time, id] = decodeCursor(cursor, CursorSchema);
  const createdAt = new Date(time);
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] };
}

function frameSetNotFound(id: string): AppError {
  return new AppError('not_found', `There is no frame set ${id}.`);
}
