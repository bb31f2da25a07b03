import type { BlobRef, StagedFile } from '../blobs/blob-store.ts';

import type { StoredRef } from './inputs.ts';

/** `kept` until it is deleted; `cached` may be evicted, least recently used first. */
export type Retention = 'kept' | 'cached';

/** Something derived, as it is stored: by which operation, of which version, from which inputs, with which parameters. */
export interface Artifact {
  id: string;
  kind: string;
  operation: string;
  version: number;
  /** Complete: with every default filled in. */
  parameters: object;
  /** The one that was worked on comes first. */
  inputs: StoredRef[];
  sha256: Buffer;
  /** Bytes. */
  size: number;
  filename: string;
  mediaType: string;
  /** What is known of the result without its bytes, by kind. */
  result: object;
  /** JSON that goes with the bytes and is too large for `result`: the segments of a mask. */
  document: BlobRef | null;
  retention: Retention;
  createdAt: Date;
  lastUsedAt: Date;
}

export interface NewArtifact
  extends Pick<
    Artifact,
    | 'kind'
    | 'operation'
    | 'version'
    | 'parameters'
    | 'inputs'
    | 'filename'
    | 'mediaType'
    | 'result'
    | 'retention'
  > {
  /** SHA-256 of the canonical work. */
  key: Buffer;
  file: StagedFile;
  document: StagedFile | null;
}
