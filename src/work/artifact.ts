import type { BlobRef, StagedFile } from '../blobs/blob-store.ts';
import type { StoredRef } from './inputs.ts';

/** `kept` until it is deleted; `cached` may be evicted, the owner's least recently used first. */
export const RETENTIONS = ['kept', 'cached'] as const;
export type Retention = (typeof RETENTIONS)[number];

/** A stored result, with the work that made it. */
export interface Artifact {
  id: string;
  kind: string;
  operation: string;
  version: number;
  /** Complete, with every default filled in. */
  parameters: object;
  /** The subject comes first. */
  inputs: StoredRef[];
  sha256: Buffer;
  /** Bytes. */
  size: number;
  filename: string;
  mediaType: string;
  /** The facts about the result that are known without its bytes. */
  result: object;
  /** JSON that belongs to the bytes and is too large for `result`: the segments of a mask. */
  document: BlobRef | null;
  retention: Retention;
  createdAt: Date;
  /** Milliseconds between its last recorded use and when it was read, by the database's clock. */
  idleMs: number;
}

export interface NewArtifact
  extends Omit<Artifact, 'id' | 'sha256' | 'size' | 'document' | 'createdAt' | 'idleMs'> {
  /** SHA-256 of the canonical work. */
  key: Buffer;
  file: StagedFile;
  document: StagedFile | null;
}
