import { rm } from 'node:fs/promises';
import type { FastifyBaseLogger } from 'fastify';
import { artifactKey } from '../artifacts/identity.ts';
import { SingleFlight } from '../artifacts/single-flight.ts';
import type { Artifact, ArtifactStore, InputRef, Retention } from '../artifacts/store.ts';
import type { OwnerId } from '../auth/owner.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import type { TemporaryFolder } from '../blobs/temporary-folder.ts';
import { AppError, parameterError } from '../errors.ts';
import { stemOf } from '../images/filename.ts';
import type { ImageStore } from '../images/store.ts';
import type { ImageEngine } from '../imaging/engine.ts';
import { extensionOf, formatOfMediaType } from '../imaging/formats.ts';
import { type Reference, referenceKey } from '../imaging/operations/operation.ts';
import { PIPELINE_VERSION, type Pipeline, pipelineReferences } from '../imaging/pipeline.ts';
import type { ImageFormat, SourceFile, TransformResult } from '../imaging/types.ts';

export interface TransformerServices {
  images: ImageStore;
  artifacts: ArtifactStore;
  engine: ImageEngine;
  diskCache: DiskCache;
  temporaryFolder: TemporaryFolder;
  /** Bytes that artifacts made by GET may take in the database. */
  cacheBytes: number;
  log: FastifyBaseLogger;
}

/** A picture to work on: an image, or an artifact that is a picture. */
export interface Picture {
  ref: InputRef;
  sha256: Buffer;
  size: number;
  format: ImageFormat;
  filename: string;
}

export interface TransformOptions {
  retention: Retention;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

export interface Transformed {
  artifact: Artifact;
  /** It did not exist when it was asked for. */
  isNew: boolean;
}

/** Least milliseconds between two looks at what may be evicted. */
const EVICTION_INTERVAL_MS = 10_000;

function toInputRef(reference: Reference): InputRef {
  return 'image_id' in reference
    ? { type: 'image', id: reference.image_id }
    : { type: 'artifact', id: reference.artifact_id };
}

/** Derives pictures from pictures, each once: looks for the stored artifact, else computes and stores it. */
export class Transformer {
  readonly #services: TransformerServices;
  readonly #flights = new SingleFlight<Transformed>();
  #evictedAt = 0;

  constructor(services: TransformerServices) {
    this.#services = services;
  }

  /** @throws AppError `not_found`, or `validation_failed` for an artifact that is no picture */
  async findPicture(owner: OwnerId, ref: InputRef): Promise<Picture> {
    const { images, artifacts } = this.#services;
    if (ref.type === 'image') {
      const { id, sha256, size, format, filename } = await images.source(owner, ref.id);
      return { ref: { type: 'image', id }, sha256, size, format, filename };
    }
    const artifact = await artifacts.get(owner, ref.id);
    const format = formatOfMediaType(artifact.mediaType);
    if (!format)
      throw new AppError('validation_failed', `Artifact ${ref.id} is a ${artifact.kind}, not a picture.`);
    return {
      ref: { type: 'artifact', id: artifact.id },
      sha256: artifact.sha256,
      size: artifact.size,
      format,
      filename: artifact.filename,
    };
  }

  /**
   * The picture that a canonical pipeline makes of another one, as an artifact.
   *
   * @throws AppError what the pipeline or the image processes throw; `not_found` for an input of someone else
   */
  async transform(
    owner: OwnerId,
    source: Picture,
    pipeline: Pipeline,
    { retention, signal }: TransformOptions,
  ): Promise<Transformed> {
    const { artifacts, log } = this.#services;
    const references = pipelineReferences(pipeline);
    const identity = {
      operation: 'transform',
      version: PIPELINE_VERSION,
      inputs: [source.ref, ...references.map(toInputRef)],
      parameters: pipeline,
    };
    const key = artifactKey(identity);
    const existing = await artifacts.findByKey(owner, key);
    if (existing) {
      if (retention === 'kept') return { artifact: await this.#keep(owner, existing), isNew: false };
      void artifacts.touch(existing).catch((err) => log.warn({ err }, 'artifact use not noted'));
      return { artifact: existing, isNew: false };
    }
    const { artifact, isNew } = await this.#flights.run(`${owner}/${key.toString('hex')}`, signal, (shared) =>
      this.#compute(owner, source, references, { ...identity, key, retention }, shared),
    );
    return { artifact: retention === 'kept' ? await this.#keep(owner, artifact) : artifact, isNew };
  }

  async #keep(owner: OwnerId, artifact: Artifact): Promise<Artifact> {
    if (artifact.retention === 'kept') return artifact;
    await this.#services.artifacts.keep(owner, artifact.id);
    return { ...artifact, retention: 'kept' };
  }

  async #compute(
    owner: OwnerId,
    source: Picture,
    references: readonly Reference[],
    identity: {
      key: Buffer;
      operation: string;
      version: number;
      inputs: InputRef[];
      parameters: Pipeline;
      retention: Retention;
    },
    signal: AbortSignal,
  ): Promise<Transformed> {
    const { artifacts, engine, diskCache, temporaryFolder } = this.#services;
    const others = await Promise.all(
      references.map((reference) => this.#findOther(owner, reference, identity.parameters)),
    );
    const leases = await leaseAll(diskCache, [source, ...others]);
    const outputPath = temporaryFolder.newPath();
    try {
      const [sourceFile, ...otherFiles] = leases.map(({ file }) => file) as [SourceFile, ...SourceFile[]];
      const result = await engine.transform(
        {
          source: sourceFile,
          inputs: Object.fromEntries(
            references.map((reference, index) => [referenceKey(reference), otherFiles[index] as SourceFile]),
          ),
          pipeline: identity.parameters,
          outputPath,
        },
        { signal },
      );
      const transformed = await artifacts.create(owner, {
        ...identity,
        kind: 'picture',
        filename: `${stemOf(source.filename)}.${extensionOf(result.format)}`,
        mediaType: result.media_type,
        result: toPictureResult(result),
        file: {
          path: outputPath,
          sha256: Buffer.from(result.sha256, 'hex'),
          size: result.size,
          mediaType: result.media_type,
        },
      });
      await diskCache.adopt(outputPath, transformed.artifact.sha256, transformed.artifact.size);
      if (identity.retention === 'cached') this.#scheduleEviction();
      return transformed;
    } finally {
      for (const { release } of leases) release();
      await rm(outputPath, { force: true });
    }
  }

  /** Another input, with a missing one reported at the parameter that names it. */
  async #findOther(owner: OwnerId, reference: Reference, { operations }: Pipeline): Promise<Picture> {
    try {
      return await this.findPicture(owner, toInputRef(reference));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
      const index = operations.findIndex(
        (step) => 'overlay' in step && referenceKey(step.overlay) === referenceKey(reference),
      );
      throw parameterError(`/operations/${index}/overlay`, 'names no image or artifact that you have');
    }
  }

  #scheduleEviction(): void {
    const { artifacts, cacheBytes, log } = this.#services;
    if (Date.now() - this.#evictedAt < EVICTION_INTERVAL_MS) return;
    this.#evictedAt = Date.now();
    artifacts.evictCached(cacheBytes).then(
      (count) => count > 0 && log.debug({ count }, 'evicted cached artifacts'),
      (err) => log.warn({ err }, 'eviction failed'),
    );
  }
}

async function leaseAll(diskCache: DiskCache, pictures: readonly Picture[]) {
  const settled = await Promise.allSettled(pictures.map(({ sha256, size }) => diskCache.lease(sha256, size)));
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed) {
    for (const outcome of settled) if (outcome.status === 'fulfilled') outcome.value.release();
    throw failed.reason;
  }
  return settled.flatMap((outcome, index) => {
    const picture = pictures[index];
    return outcome.status === 'fulfilled' && picture
      ? [{ file: { path: outcome.value.path, format: picture.format }, release: outcome.value.release }]
      : [];
  });
}

/** What an artifact's `result` says of a picture. */
function toPictureResult({ format, width, height, channels, has_alpha, pages }: TransformResult) {
  return { format, width, height, channels, has_alpha, pages };
}
