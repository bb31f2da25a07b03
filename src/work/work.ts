import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { InputRef } from './inputs.ts';

/**
 * A description of a computation as plain JSON, complete enough to repeat it elsewhere or later. Anyone who may read the inputs may
 * request it.
 */
export interface Work {
  operation: string;
  /** Version of the operation. It is raised when results change, so that old artifacts stay valid for their version. */
  version: number;
  /** The subject comes first. */
  inputs: readonly InputRef[];
  /** Complete, with every default filled in, in canonical spelling. */
  params: object;
}

/** SHA-256 of the work as canonical JSON (RFC 8785), 32 bytes: equal work has equal keys. */
export function workKey({ operation, version, inputs, params }: Work): Buffer {
  const text = canonicalize({ operation, version, inputs, parameters: params });
  if (text === undefined) throw new TypeError('Work is not JSON.');
  return createHash('sha256').update(text).digest();
}
