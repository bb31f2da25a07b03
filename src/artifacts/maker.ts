import { rm } from 'node:fs/promises';
import type { OwnerId } from '../auth/owner.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import type { TemporaryFolder } from '../blobs/temporary-folder.ts';
import type { SourceFile } from '../pictures/types.ts';
import { artifactKey } from './identity.ts';
import type { Picture, Pictures } from './pictures.ts';
import { SingleFlight } from './single-flight.ts';
import type { Artifact, ArtifactStore, Retention, StoredBlob } from './store.ts';

/** The part of a logger that is used here. */
interface MakerLog {
  debug(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface ArtifactMakerServices {
  artifacts: ArtifactStore;
  pictures: Pictures;
  diskCache: DiskCache;
  /** Where documents are written before they are stored. */
  documentFolder: TemporaryFolder;
  /** Bytes that artifacts made by GET may take in the database. */
  cacheBytes: number;
  log: MakerLog;
}

/** What is asked for. Operation, version, inputs and parameters are its identity. */
export interface Recipe {
  kind: string;
  operation: string;
  /** Raised when the operation's results change, so that old artifacts stay what they were. */
  version: number;
  /** With every default filled in. */
  parameters: unknown;
  /** The picture that is worked on comes first. */
  inputs: readonly Picture[];
}

export interface MakeOptions {
  retention: Retention;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
  /** Where the result is written before it is stored. */
  folder: Pick<TemporaryFolder, 'newPath'>;
}

/** A result that was written to the path it was given. */
export interface Made extends StoredBlob {
  filename: string;
  mediaType: string;
  /** What is known of it, by kind. */
  result: unknown;
  /** The JSON that was written beside it, where there is some. */
  document?: StoredBlob;
}

/** What is given to the work, and where its results go. */
export interface MakeTask {
  /** One for each input, in order. */
  files: readonly SourceFile[];
  /** For the result. There may be a file, to be overwritten, where the folder is the disk cache. */
  outputPath: string;
  /** For JSON that goes with the result. */
  documentPath: string;
  signal: AbortSignal;
}

/** Does the work: reads the files and writes its result to the path. */
export type Make = (task: MakeTask) => Promise<Made>;

export interface MadeArtifact {
  artifact: Artifact;
  /** It did not exist when it was asked for. */
  isNew: boolean;
}

/** Least milliseconds between two looks at what may be evicted. */
const EVICTION_INTERVAL_MS = 10_000;

/** Makes each artifact once: finds the stored one, joins the computation under way, or computes and stores it. */
export class ArtifactMaker {
  readonly #services: ArtifactMakerServices;
  readonly #flights = new SingleFlight<MadeArtifact>();
  #evictedAt = 0;

  constructor(services: ArtifactMakerServices) {
    this.#services = services;
  }

  /** @throws what `make` throws, and AppError `not_found` where an input is deleted meanwhile */
  async make(owner: OwnerId, recipe: Recipe, options: MakeOptions, make: Make): Promise<MadeArtifact> {
    const { artifacts, log } = this.#services;
    const key = artifactKey({ ...recipe, inputs: recipe.inputs.map(({ ref }) => ref) });
    // Equal requests look it up together, too: one that looked by itself, just before it was stored, could come back when
    // the computation that it was to join has ended.
    const { artifact, isNew } = await this.#flights.run(
      `${owner}/${key.toString('hex')}`,
      options.signal,
      async (signal) => {
        const existing = await artifacts.findByKey(owner, key);
        if (!existing) return this.#compute(owner, key, recipe, { ...options, signal }, make);
        artifacts.noteUse(existing, log);
        return { artifact: existing, isNew: false };
      },
    );
    return { artifact: await this.#retain(owner, artifact, options.retention), isNew };
  }

  /** Makes a cached artifact a kept one where it was asked for as such. */
  async #retain(owner: OwnerId, artifact: Artifact, retention: Retention): Promise<Artifact> {
    if (retention === artifact.retention || retention === 'cached') return artifact;
    await this.#services.artifacts.keep(owner, artifact.id);
    return { ...artifact, retention };
  }

  async #compute(
    owner: OwnerId,
    key: Buffer,
    recipe: Recipe,
    { retention, signal, folder }: MakeOptions,
    make: Make,
  ): Promise<MadeArtifact> {
    const { artifacts, pictures, diskCache, documentFolder } = this.#services;
    const leased = await pictures.lease(recipe.inputs);
    const outputPath = folder.newPath();
    const documentPath = documentFolder.newPath();
    const leftovers = new Set([outputPath, documentPath]);
    try {
      const { sha256, size, mediaType, filename, result, document } = await make({
        files: leased.files,
        outputPath,
        documentPath,
        signal,
      });
      const made = await artifacts.create(owner, {
        ...recipe,
        inputs: recipe.inputs.map(({ ref }) => ref),
        key,
        filename,
        mediaType,
        result,
        retention,
        file: { path: outputPath, sha256, size, mediaType },
        document: document ? { path: documentPath, ...document, mediaType: 'application/json' } : null,
      });
      if (!document) leftovers.delete(documentPath);
      // Where another process was first with other bytes, the files are not the artifact's.
      if (made.artifact.sha256.equals(sha256)) {
        leftovers.delete(outputPath);
        await diskCache.adopt(outputPath, sha256, size);
      }
      if (document && made.artifact.document?.sha256.equals(document.sha256)) {
        leftovers.delete(documentPath);
        await diskCache.adopt(documentPath, document.sha256, document.size);
      }
      if (retention === 'cached') this.#scheduleEviction();
      return made;
    } finally {
      leased.release();
      await Promise.all([...leftovers].map((path) => rm(path, { force: true })));
    }
  }

  #scheduleEviction(): void {
    const { artifacts, diskCache, cacheBytes, log } = this.#services;
    if (Date.now() - this.#evictedAt < EVICTION_INTERVAL_MS) return;
    this.#evictedAt = Date.now();
    artifacts.evictCached(cacheBytes).then(
      (evicted) => {
        for (const sha256 of evicted) diskCache.forget(sha256);
        if (evicted.length > 0) log.debug({ blobs: evicted.length }, 'evicted cached artifacts');
      },
      (err) => log.warn({ err }, 'eviction failed'),
    );
  }
}
