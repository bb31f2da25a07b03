import type { OwnerId } from '../auth/owner.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import type { ImageStore } from '../images/store.ts';
import { formatOfMediaType } from '../pictures/formats.ts';
import type { Size } from '../pictures/types.ts';
import type { Input, InputSource, OpenedInputs, OpenOptions, StoredRef } from '../work/inputs.ts';
import { openFiles, withParts } from '../work/open-files.ts';
import type { ArtifactStore, UseLog } from './store.ts';

/** Images and artifacts as inputs, opened as files of the disk cache. */
export class StoredInputs implements InputSource<StoredRef> {
  readonly #images: ImageStore;
  readonly #artifacts: ArtifactStore;
  readonly #diskCache: DiskCache;
  readonly #log: UseLog;

  constructor(images: ImageStore, artifacts: ArtifactStore, diskCache: DiskCache, log: UseLog) {
    this.#images = images;
    this.#artifacts = artifacts;
    this.#diskCache = diskCache;
    this.#log = log;
  }

  async find(owner: OwnerId, ref: StoredRef): Promise<Input> {
    if (ref.type === 'image') {
      const { id, sha256, size, format, filename, width, height } = await this.#images.source(owner, ref.id);
      return {
        ref: { type: 'image', id },
        kind: 'image',
        format,
        filename,
        dimensions: { width, height },
        content: { sha256, size },
        document: null,
        origin: null,
      };
    }
    const artifact = await this.#artifacts.get(owner, ref.id);
    this.#artifacts.noteUse(artifact, this.#log);
    const { id, kind, mediaType, sha256, size, filename, document, inputs, parameters, result } = artifact;
    return {
      ref: { type: 'artifact', id },
      kind,
      format: formatOfMediaType(mediaType) ?? null,
      filename,
      dimensions: sizeIn(result),
      content: { sha256, size },
      document,
      origin: { inputs, parameters },
    };
  }

  async open(inputs: readonly Input[], { parts }: Pick<OpenOptions, 'parts'>): Promise<OpenedInputs> {
    return openFiles(
      this.#diskCache,
      inputs.map((input, index) => withParts(input, parts[index] ?? [])),
    );
  }
}

/** The size in the facts about a picture or a mask. */
function sizeIn(result: object): Size | null {
  const { width, height } = result as Partial<Size>;
  return width === undefined || height === undefined ? null : { width, height };
}
