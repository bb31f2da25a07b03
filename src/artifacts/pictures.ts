import type { OwnerId } from '../auth/owner.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import { AppError } from '../errors.ts';
import type { ImageStore } from '../images/store.ts';
import { formatOfMediaType } from '../pictures/formats.ts';
import type { ImageFormat, SourceFile } from '../pictures/types.ts';
import type { ArtifactStore, InputRef } from './store.ts';

/** A picture to work on: an image, or an artifact that is a picture. */
export interface Picture {
  ref: InputRef;
  sha256: Buffer;
  /** Bytes. */
  size: number;
  format: ImageFormat;
  filename: string;
}

/** Pictures as local files, which stay where they are until they are released. */
export interface LeasedPictures {
  files: SourceFile[];
  release(): void;
}

/** Finds what operations work on, whether it was uploaded or derived. */
export class Pictures {
  readonly #images: ImageStore;
  readonly #artifacts: ArtifactStore;
  readonly #diskCache: DiskCache;

  constructor(images: ImageStore, artifacts: ArtifactStore, diskCache: DiskCache) {
    this.#images = images;
    this.#artifacts = artifacts;
    this.#diskCache = diskCache;
  }

  /** @throws AppError `not_found`, also for someone else's; `validation_failed` for an artifact that is no picture */
  async find(owner: OwnerId, ref: InputRef): Promise<Picture> {
    if (ref.type === 'image') {
      const { id, sha256, size, format, filename } = await this.#images.source(owner, ref.id);
      return { ref: { type: 'image', id }, sha256, size, format, filename };
    }
    const { id, kind, mediaType, sha256, size, filename } = await this.#artifacts.get(owner, ref.id);
    const format = formatOfMediaType(mediaType);
    if (!format) throw new AppError('validation_failed', `Artifact ${id} is a ${kind}, not a picture.`);
    return { ref: { type: 'artifact', id }, sha256, size, format, filename };
  }

  /** The pictures' bytes as local files, all or none of them. */
  async lease(pictures: readonly Picture[]): Promise<LeasedPictures> {
    const settled = await Promise.allSettled(
      pictures.map(({ sha256, size }) => this.#diskCache.lease(sha256, size)),
    );
    const leases = settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const release = () => {
      for (const lease of leases) lease.release();
    };
    const failed = settled.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      release();
      throw failed.reason;
    }
    const files = pictures.flatMap(({ format }, index) => {
      const lease = leases[index];
      return lease ? [{ path: lease.path, format }] : [];
    });
    return { files, release };
  }
}
