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
  type Page,
  toPage,
} from '../core/cursor.ts';
import { AppError } from '../core/errors.ts';
import { type Database, withTransaction } from '../db/database.ts';
import type { Image, Prisma } from '../db/generated/client.ts';
import { KnownRows } from '../db/row-cache/known-rows.ts';
import { FORMATS, type ImageFormat } from '../pictures/formats.ts';
import { type ImageMetadata, ImageMetadataSchema } from '../pictures/metadata.ts';
import type { ImageChanges, ImageFilter, ImageListQuery, ImageSort } from './schemas.ts';

/** What is needed to read an image's bytes. */
export interface ImageSource {
  id: string;
  sha256: Buffer;
  size: number;
  format: ImageFormat;
  filename: string;
  width: number;
  height: number;
  mediaType: string;
}

export interface NewImage {
  filename: string;
  metadata: ImageMetadata;
  file: StagedFile;
}

/** Images of one format and size. */
export interface ImageGroup {
  format: string;
  width: number;
  height: number;
  count: number;
  /** The id of one of them. */
  id: string;
}

interface Order {
  column: keyof typeof SORT_COLUMNS;
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

/** How a cursor holds the value of each column as text, and how to read it. */
const SORT_COLUMNS = {
  createdAt: { text: CursorTime, read: (text: string) => new Date(text) },
  filename: { text: CursorText, read: (text: string) => text },
  size: { text: CursorInteger, read: (text: string) => BigInt(text) },
};

/** Rows after the cursor: keyset paging, so that a late page costs no more than the first. */
function afterCursor(cursor: string, { column, direction }: Order): Prisma.ImageWhereInput {
  const { text, read } = SORT_COLUMNS[column];
  const [, last, id] = decodeCursor(cursor, Type.Tuple([Type.Literal(column), text, CursorId]));
  const value = read(last);
  const beyond = <T>(position: T) => (direction === 'asc' ? { gt: position } : { lt: position });
  return { OR: [{ [column]: beyond(value) }, { [column]: value, id: beyond(id) }] };
}

/** The conditions of a filter. */
function conditionsOf(filter: ImageFilter): Prisma.ImageWhereInput[] {
  const conditions: Prisma.ImageWhereInput[] = [];
  if (filter.format) conditions.push({ format: { in: filter.format } });
  if (filter.uploaded_after) conditions.push({ createdAt: { gte: new Date(filter.uploaded_after) } });
  if (filter.uploaded_before) conditions.push({ createdAt: { lt: new Date(filter.uploaded_before) } });
  if (filter.name_contains)
    conditions.push({ filename: { contains: escapeLike(filter.name_contains), mode: 'insensitive' } });
  return conditions;
}

/** Text as a `LIKE` pattern that matches it literally. */
const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');

/** The columns that are named as the fields of the metadata. */
const METADATA_COLUMNS = Object.keys(ImageMetadataSchema.properties) as (keyof ImageMetadata)[];

/** Half a KB each. */
const KNOWN_SOURCES = 10_000;

/**
 * Deletes everything derived from an image, within a transaction that has locked the image.
 *
 * @returns the SHA-256 of the deleted bytes
 */
export type DeleteDerived = (transaction: ClientBase, root: { imageId: string }) => Promise<Buffer[]>;

/** Images in PostgreSQL. Every method is bound to an owner and sees only that owner's rows. */
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

  /** @throws AppError `not_found`, also if the image has another owner */
  async get(owner: OwnerId, id: string): Promise<Image> {
    const image = await this.#database.prisma.image.findFirst({ where: { ownerId: owner, id } });
    if (!image) throw imageNotFound(id);
    return image;
  }

  /** @throws AppError `not_found`, also if the image has another owner */
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

  /** Stores the bytes and the row that names them in one transaction. An owner has one image for equal bytes. */
  async create(
    owner: OwnerId,
    { filename, metadata, file }: NewImage,
  ): Promise<{ image: Image; isNew: boolean }> {
    // The existing image may be deleted before it is read; then this upload is the first again.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const isNew = await this.#insert(owner, { filename, metadata, file });
      const image = await this.findBySha256(owner, file.sha256);
      if (image) return { image, isNew };
    }
    throw new AppError(
      'conflict',
      'The same image is being uploaded and deleted at the same time; try again.',
    );
  }

  async list(owner: OwnerId, query: Omit<ImageListQuery, 'include_gps'>): Promise<Page<Image>> {
    const order = ORDERS[query.sort];
    const filters = conditionsOf(query);
    if (query.cursor !== undefined) filters.push(afterCursor(query.cursor, order));
    const images = await this.#database.prisma.image.findMany({
      where: { ownerId: owner, AND: filters },
      orderBy: [{ [order.column]: order.direction }, { id: order.direction }],
      take: query.limit + 1,
    });
    return toPage(images, query.limit, (last) => {
      const value = last[order.column];
      return [order.column, value instanceof Date ? value.toISOString() : String(value), last.id];
    });
  }

  /** The ids of the images that a filter selects, newest first. */
  async select(owner: OwnerId, filter: ImageFilter, limit: number): Promise<string[]> {
    const images = await this.#database.prisma.image.findMany({
      where: { ownerId: owner, AND: conditionsOf(filter) },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: limit,
      select: { id: true },
    });
    return images.map(({ id }) => id);
  }

  /**
   * Which of the ids are not those of the owner's images.
   *
   * @returns the places of the first of them in the list, and the number of all
   */
  async missing(
    owner: OwnerId,
    ids: readonly string[],
    limit: number,
  ): Promise<{ places: number[]; total: number }> {
    const { rows } = await this.#database.pool.query<{ place: number; total: number }>(
      `SELECT given.place::int - 1 AS place, count(*) OVER ()::int AS total
       FROM unnest($2::uuid[]) WITH ORDINALITY AS given (id, place) LEFT JOIN images i ON i.id = given.id AND i.owner_id = $1
       WHERE i.id IS NULL ORDER BY given.place LIMIT $3`,
      [owner, ids, limit],
    );
    return { places: rows.map(({ place }) => place), total: rows[0]?.total ?? 0 };
  }

  /** How many of the images there are of each format and size, with the id of one of them. */
  async measure(owner: OwnerId, ids: readonly string[]): Promise<ImageGroup[]> {
    const { rows } = await this.#database.pool.query<ImageGroup>(
      `SELECT i.format, i.width, i.height, count(*)::int AS count, min(i.id::text) AS id
       FROM unnest($2::uuid[]) AS given (id) JOIN images i ON i.id = given.id AND i.owner_id = $1
       GROUP BY i.format, i.width, i.height`,
      [owner, ids],
    );
    return rows;
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
   * Deletes the image, everything derived from it, and the bytes that no row names afterwards.
   *
   * @returns the SHA-256 of the bytes, for caches to forget
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

  /** Compares the owner as text: PostgreSQL may otherwise choose the index of owners if it plans while the table is empty. */
  async #findSource(owner: string, id: string): Promise<ImageSource | undefined> {
    const { rows } = await this.#database.pool.query<Omit<ImageSource, 'mediaType'>>({
      name: 'image-source',
      text: 'SELECT id, sha256, size::float8 AS size, format, filename, width, height FROM images WHERE id = $1 AND owner_id::text = $2',
      values: [id, owner],
    });
    const [source] = rows;
    return source && { ...source, mediaType: FORMATS[source.format].mediaType };
  }

  async #insert(owner: OwnerId, { filename, metadata, file }: NewImage): Promise<boolean> {
    return withTransaction(this.#database.pool, async (client, transaction) => {
      await this.#blobs.add([file], transaction);
      const { rowCount } = await client.query(
        `INSERT INTO images (id, owner_id, sha256, filename, size, ${METADATA_COLUMNS})
         VALUES ($1, $2, $3, $4, $5, ${METADATA_COLUMNS.map((_, index) => `$${index + 6}`)})
         ON CONFLICT (owner_id, sha256) DO NOTHING`,
        [
          randomUUID(),
          owner,
          file.sha256,
          filename,
          file.size,
          ...METADATA_COLUMNS.map((column) => metadata[column]),
        ],
      );
      return rowCount === 1;
    });
  }
}

function imageNotFound(id: string): AppError {
  return new AppError('not_found', `There is no image ${id}.`);
}
