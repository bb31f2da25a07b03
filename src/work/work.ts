import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { InputRef } from './inputs.ts';

/**
 * What is to be computed, as plain JSON: all that it takes to do it again elsewhere or later. Whoever may read the inputs may
 * have it done.
 */
export interface Work {
  operation: string;
  /** Of the operation. Raised when its results change, so that old artifacts stay what they were. */
  version: number;
  /** The one that is worked on comes first. */
  inputs: readonly InputRef[];
  /** Complete: with every default filled in, in one spelling. */
  params: object;
}

/** SHA-256 of the work as canonical JSON (RFC 8785), 32 bytes: equal work has equal keys. */
export function workKey({ operation, version, inputs, params }: Work): Buffer {
  const text = canonicalize({ operation, version, inputs, parameters: params });
  if (text === undefined) throw new TypeError('Work is not JSON.');
  return createHash('sha256').update(text).digest();
}
