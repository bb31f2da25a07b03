import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { InputRef } from './store.ts';

/** What makes an artifact the one that it is. */
export interface ArtifactIdentity {
  operation: string;
  /** Raised when the operation's results change, so that old artifacts stay what they were. */
  version: number;
  inputs: readonly InputRef[];
  /** With every default filled in. */
  parameters: unknown;
}

/** SHA-256 of the identity as canonical JSON (RFC 8785), 32 bytes: equal questions have equal keys. */
export function artifactKey({ operation, version, inputs, parameters }: ArtifactIdentity): Buffer {
  const text = canonicalize({
    operation,
    version,
    inputs: inputs.map(({ type, id }) => ({ type, id })),
    parameters,
  });
  if (text === undefined) throw new TypeError('The identity of an artifact is not JSON.');
  return createHash('sha256').update(text).digest();
}
