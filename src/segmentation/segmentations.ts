import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { ArtifactMaker, MadeArtifact, MakeOptions } from '../artifacts/maker.ts';
import type { Picture, Pictures } from '../artifacts/pictures.ts';
import type { Artifact, ArtifactStore, StoredBlob } from '../artifacts/store.ts';
import type { OwnerId } from '../auth/owner.ts';
import type { ByteRange } from '../blobs/blob-store.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import type { TemporaryFolder } from '../blobs/temporary-folder.ts';
import { AppError } from '../errors.ts';
import { stemOf } from '../images/filename.ts';
import type { ImageEngine } from '../imaging/engine.ts';
import { resolveParams } from './params.ts';
import { type DerivedRepresentation, fileKindOf, type Representation } from './representation.ts';
import type { SegmentationParams } from './schemas.ts';
import type { WrittenFile } from './task.ts';

/** Raised when the same parameters give other segments than before. */
const SEGMENTATION_VERSION = 2;

/** Raised when the same segments are given in other bytes than before. */
const REPRESENTATION_VERSION = 1;

export interface SegmentationServices {
  maker: ArtifactMaker;
  artifacts: ArtifactStore;
  pictures: Pictures;
  engine: ImageEngine;
  diskCache: DiskCache;
  /** Where label maps are assembled. */
  temporaryFolder: TemporaryFolder;
  /** Where other forms of a segmentation are assembled. */
  documentFolder: TemporaryFolder;
}

/** A stored segmentation: its label map is the artifact's bytes, its segments are in the document. */
export interface Mask extends Artifact {
  kind: 'mask';
  document: StoredBlob;
}

/** A form of a segmentation as a temporary file. */
export interface RepresentationFile {
  size: number;
  open(range: ByteRange): Promise<Readable>;
  remove(): Promise<void>;
}

/** Segmentations of pictures, as artifacts, and their other forms. */
export class Segmentations {
  readonly #services: SegmentationServices;

  constructor(services: SegmentationServices) {
    this.#services = services;
  }

  /**
   * The segmentation of a picture as an artifact.
   *
   * @param given parameters as a client gave them
   * @throws AppError what `resolveParams`, `segmentFile` and the image processes throw
   */
  async segment(
    owner: OwnerId,
    source: Picture,
    given: unknown,
    options: Omit<MakeOptions, 'folder'>,
  ): Promise<{ mask: Mask; isNew: boolean }> {
    const params = resolveParams(given);
    const { artifact, isNew } = await this.#make(owner, source, params, options);
    return { mask: requireMask(artifact), isNew };
  }

  /** @throws AppError `not_found`, also for someone else's; `validation_failed` for another kind of artifact */
  async find(owner: OwnerId, id: string): Promise<Mask> {
    return requireMask(await this.#services.artifacts.get(owner, id));
  }

  /** Names the bytes of a form without making them: equal ones have equal tags. Hexadecimal SHA-256. */
  tagOf(mask: Mask, representation: DerivedRepresentation): string {
    return createHash('sha256')
      .update(JSON.stringify([REPRESENTATION_VERSION, mask.id, representation]))
      .update(mask.sha256)
      .update(mask.document.sha256)
      .digest('hex');
  }

  /** Names the bytes of the JSON form, of which the artifact is a part. Hexadecimal SHA-256. */
  jsonTagOf({ document }: Mask, artifact: string): string {
    return createHash('sha256').update(artifact).update(document.sha256).digest('hex');
  }

  /** The name of a form's file. */
  filenameOf(mask: Mask, representation: Representation): string {
    return mask.filename.replace(/-labels\.png$/, fileKindOf(representation).suffix);
  }

  /**
   * Makes a form of a stored segmentation. The caller removes it.
   *
   * @throws AppError what `runRepresentation` and the image processes throw
   */
  async represent(
    owner: OwnerId,
    mask: Mask,
    representation: DerivedRepresentation,
    signal: AbortSignal,
  ): Promise<RepresentationFile> {
    const { pictures, engine, diskCache, documentFolder } = this.#services;
    const source = await this.#sourceOf(owner, mask);
    const path = documentFolder.newPath();
    const leases = [];
    try {
      const labelMap = await diskCache.lease(mask.sha256, mask.size);
      leases.push(labelMap);
      const document = await diskCache.lease(mask.document.sha256, mask.document.size);
      leases.push(document);
      const picture = representation.format === 'overlay' ? await pictures.lease([source]) : null;
      if (picture) leases.push(picture);
      const file = picture?.files[0];
      // Written by this service, so the column holds what its type says.
      const { page } = mask.parameters as SegmentationParams;
      const { size } = await engine.run(
        'segmentation-representation',
        {
          representation,
          labelMapPath: labelMap.path,
          documentPath: document.path,
          picture: file ? { source: file, page } : null,
          filename: source.filename,
          outputPath: path,
          limits: engine.limits,
        },
        { signal },
      );
      return {
        size,
        open: async ({ start, end }) => createReadStream(path, { start, end: end - 1 }),
        remove: () => rm(path, { force: true }),
      };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      for (const lease of leases) lease.release();
    }
  }

  async #make(
    owner: OwnerId,
    source: Picture,
    params: SegmentationParams,
    options: Omit<MakeOptions, 'folder'>,
  ): Promise<MadeArtifact> {
    const { maker, engine, temporaryFolder } = this.#services;
    const recipe = {
      kind: 'mask',
      operation: 'segmentation',
      version: SEGMENTATION_VERSION,
      parameters: params,
      inputs: [source],
    };
    return maker.make(
      owner,
      recipe,
      { ...options, folder: temporaryFolder },
      async ({ files: [file], outputPath, documentPath, signal }) => {
        if (!file) throw new Error('A segmentation has a picture.');
        const { labelMap, document, summary } = await engine.run(
          'segmentation',
          { source: file, params, outputPath, documentPath, limits: engine.limits },
          { signal },
        );
        const { mediaType, suffix } = fileKindOf({ format: 'label_map' });
        return {
          ...toBlob(labelMap),
          filename: `${stemOf(source.filename)}${suffix}`,
          mediaType,
          result: summary,
          document: toBlob(document),
        };
      },
    );
  }

  /** The picture that was segmented: it lives at least as long as its segmentations. */
  #sourceOf(owner: OwnerId, { id, inputs: [input] }: Mask): Promise<Picture> {
    if (!input) throw new Error(`Segmentation ${id} has no picture.`);
    return this.#services.pictures.find(owner, input);
  }
}

function requireMask(artifact: Artifact): Mask {
  const { id, kind, document } = artifact;
  if (kind === 'mask' && document !== null) return { ...artifact, kind, document };
  throw new AppError('validation_failed', `Artifact ${id} is a ${kind}, not a segmentation mask.`, {
    errors: [{ location: 'path', path: '/id', message: `names a ${kind}, not a segmentation mask` }],
  });
}

function toBlob({ sha256, size }: WrittenFile): StoredBlob {
  return { sha256: Buffer.from(sha256, 'hex'), size };
}
