import { randomUUID } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import type { ClientBase } from 'pg';
import type { OwnerId } from '../auth/owner.ts';
import type { StagedFile } from '../blobs/blob-store.ts';
import type { BlobRegistry } from '../blobs/postgres/blob-registry.ts';
import {
  CursorId,
  CursorInteger,
  CursorText,
  CursorTime,
  decodeCursor,
  encodeCursor,
} from '../core/cursor.ts';
import { AppError } from '../core/errors.ts';
import { type Database, withTransaction } from '../db/database.ts';
import type { Image, Prisma } from '../db/generated/client.ts';
import { KnownRows } from '../db/row-cache/known-rows.ts';
import { FORMATS, type ImageFormat } from '../pictures/formats.ts';
import type { ImageMetadata } from '../pictures/metadata.ts';
import type { ImageChanges, ImageListQuery, ImageSort } from './schemas.ts';

/** What is needed to read an image's bytes. */
export interface ImageSource {
  id: string;
  sha256: Buffer;
  size: number;
  format: ImageFormat;
  filename: string;
  mediaType: string;
}

export interface NewImage {
  filename: string;
  metadata: ImageMetadata;
  file: StagedFile;
}

/** How a sort orders: the column, its direction, and how a cursor's text becomes its value again. */
interface Order {
  column: 'createdAt' | 'filename' | 'size';
  direction: 'asc' | 'desc';
}

const ORDERS: Record<ImageSort, Order> = {
  '-created_at': { column: 'createdAt', direction: 'desc' },
  created_at: { column: 'createdAt', direction: 'asc' },
  filename: { column: 'filename', direction: 'asc' },
  '-filename': { column: 'filename', direction: 'desc' },
  size: { column: 'size', direction: 'asc' },
  '-size': { column: 'size', direction: 'desc' },
};

const CursorSchema = {
  createdAt: Type.Tuple([Type.Literal('createdAt'), CursorTime, CursorId]),
  filename: Type.Tuple([Type.Literal('filename'), CursorText, CursorId]),
  size: Type.Tuple([Type.Literal('size'), CursorInteger, CursorId]),
};

const READ_VALUE = {
  createdAt: (text: string) => new Date(text),
  filename: (text: string) => text,
  size: (text: string) => BigInt(text),
};

function valueText(image: Image, column: Order['column']): string {
  return column === 'createdAt' ? image.createdAt.toISOString() : String(image[column]);
}

/** Rows after the cursor: keyset paging, so that a page costs the same however far down it is. */
function afterCursor(cursor: string, { column, direction }: Order): Prisma.ImageWhereInput {
  const [, text, id] = decodeCursor(cursor, CursorSchema[column]);
  const value = READ_VALUE[column](text);
  const beyond = direction === 'asc' ? { gt: value } : { lt: value };
  const beyondId = direction === 'asc' ? { gt: id } : { lt: id };
  return { OR: [{ [column]: beyond }, { [column]: value, id: beyondId }] };
}

/** `LIKE` patterns in a filter are plain text to the user. */
const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');

/** Half a KB each. */
const KNOWN_SOURCES = 10_000;

/**
 * Deletes what was derived from an image, within a transaction that has locked the image.
 *
 * @returns the SHA-256 of what was deleted
 */
export type DeleteDerived = (transaction: ClientBase, root: { imageId: string }) => Promise<Buffer[]>;

/** Images in PostgreSQL. Every method is bound to an owner and sees nothing of anyone else's. */
export class ImageStore {
  readonly #database: Database;
  readonly #blobs: BlobRegistry;
  readonly #deleteDerived: DeleteDerived;
  readonly #sources: KnownRows<ImageSource>;

  constructor(database: Database, blobs: BlobRegistry, deleteDerived: DeleteDerived) {
    this.#database = database;
    this.#blobs = blobs;
    this.#deleteDerived = deleteDerived;
    this.#sources = new KnownRows({
      table: 'images',
      max: KNOWN_SOURCES,
      changes: database.changes,
      lookUp: (owner, id) => this.#findSource(owner, id),
    });
  }

  /** @throws AppError `not_found`, also for someone else's image */
  async get(owner: OwnerId, id: string): Promise<Image> {
    const image = await this.#database.prisma.image.findFirst({ where: { ownerId: owner, id } });
    if (!image) throw imageNotFound(id);
    return image;
  }

  /** @throws AppError `not_found`, also for someone else's image */
  async source(owner: OwnerId, id: string): Promise<ImageSource> {
    const source = await this.#sources.get(owner, id.toLowerCase());
    if (!source) throw imageNotFound(id);
    return source;
  }

  async findBySha256(owner: OwnerId, sha256: Buffer): Promise<Image | null> {
    return this.#database.prisma.image.findUnique({
      where: { ownerId_sha256: { ownerId: owner, sha256: new Uint8Array(sha256) } },
    });
  }

  /** Stores the bytes and the row that names them in one transaction; equal bytes of the same owner are one image. */
  async create(
    owner: OwnerId,
    { filename, metadata, file }: NewImage,
  ): Promise<{ image: Image; isNew: boolean }> {
    // The image found in place of a new one may be deleted before it is read: then this upload is the first again.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const isNew = await this.#insert(owner, { filename, metadata, file });
      const image = await this.findBySha256(owner, file.sha256);
      if (image) return { image, isNew };
    }
    throw new AppError(
      'conflict',
      'The same image was uploaded and deleted again and again meanwhile; try once more.',
    );
  }

  async list(
    owner: OwnerId,
    query: Omit<ImageListQuery, 'include_gps'>,
  ): Promise<{ images: Image[]; nextCursor: string | null }> {
    const order = ORDERS[query.sort];
    const filters: Prisma.ImageWhereInput[] = [];
    if (query.format) filters.push({ format: { in: query.format } });
    if (query.uploaded_after) filters.push({ createdAt: { gte: new Date(query.uploaded_after) } });
    if (query.uploaded_before) filters.push({ createdAt: { lt: new Date(query.uploaded_before) } });
    if (query.name_contains)
      filters.push({ filename: { contains: escapeLike(query.name_contains), mode: 'insensitive' } });
    if (query.cursor !== undefined) filters.push(afterCursor(query.cursor, order));
    const images = await this.#database.prisma.image.findMany({
      where: { ownerId: owner, AND: filters },
      orderBy: [{ [order.column]: order.direction }, { id: order.direction }],
      take: query.limit + 1,
    });
    const page = images.slice(0, query.limit);
    const last = page.at(-1);
    const nextCursor =
      last && images.length > page.length
        ? encodeCursor([order.column, valueText(last, order.column), last.id])
        : null;
    return { images: page, nextCursor };
  }

  /** @throws AppError `not_found` */
  async update(owner: OwnerId, id: string, changes: ImageChanges): Promise<Image> {
    const [image] = await this.#database.prisma.image.updateManyAndReturn({
      where: { ownerId: owner, id },
      data: { ...changes, updatedAt: new Date() },
    });
    if (!image) throw imageNotFound(id);
    await this.#database.changes.caughtUp();
    return image;
  }

  /**
   * Deletes the image, everything derived from it, and the bytes that no row names any more.
   *
   * @returns the SHA-256 of what was named, for caches to forget
   * @throws AppError `not_found`
   */
  async delete(owner: OwnerId, id: string): Promise<Buffer[]> {
    const deleted = await withTransaction(this.#database.pool, async (client, transaction) => {
      const { rows } = await client.query<{ sha256: Buffer }>(
        'SELECT sha256 FROM images WHERE owner_id = $1 AND id = $2 FOR UPDATE',
        [owner, id],
      );
      const [image] = rows;
      if (!image) throw imageNotFound(id);
      const derived = await this.#deleteDerived(client, { imageId: id });
      await client.query('DELETE FROM images WHERE id = $1', [id]);
      const deleted = [image.sha256, ...derived];
      await this.#blobs.deleteUnreferenced(deleted, transaction);
      return deleted;
    });
    await this.#database.changes.caughtUp();
    return deleted;
  }

  /** The owner is compared as text: PostgreSQL could prefer an index of owners, planning while the table is empty. */
  async #findSource(owner: string, id: string): Promise<ImageSource | undefined> {
    const { rows } = await this.#database.pool.query<Omit<ImageSource, 'mediaType'>>({
      name: 'image-source',
      text: 'SELECT id, sha256, size::float8 AS size, format, filename FROM images WHERE id = $1 AND owner_id::text = $2',
      values: [id, owner],
    });
    const [source] = rows;
    return source && { ...source, mediaType: FORMATS[source.format].mediaType };
  }

  async #insert(owner: OwnerId, { filename, metadata, file }: NewImage): Promise<boolean> {
    return withTransaction(this.#database.pool, async (client, transaction) => {
      await this.#blobs.add([file], transaction);
      const { rowCount } = await client.query(
        `INSERT INTO images (id, owner_id, sha256, filename, size, format, width, height, channels, depth, has_alpha,
                             pages, orientation, color_space, density, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (owner_id, sha256) DO NOTHING`,
        [
          randomUUID(),
          owner,
          file.sha256,
          filename,
          file.size,
          metadata.format,
          metadata.width,
          metadata.height,
          metadata.channels,
          metadata.depth,
          metadata.has_alpha,
          metadata.pages,
          metadata.orientation,
          metadata.color_space,
          metadata.density,
          JSON.stringify(metadata.details),
        ],
      );
      return rowCount === 1;
    });
  }
}

function imageNotFound(id: string): AppError {
  return new AppError('not_found', `There is no image ${id}.`);
}
