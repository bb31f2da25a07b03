import type { Operation } from '../work/operation.ts';
import type { ArtifactPost } from '../work/routes.ts';
import { type PostedOperation, postedOperations } from './queue/posted-operations.ts';

/** An operation that a job can apply to many images, with the POST that does the same for one. */
export type BatchOperation = PostedOperation<ArtifactPost>;

/** The operations that make an artifact of a picture, by the last part of the path of their POST. */
export function batchOperations(operations: Iterable<Operation>): ReadonlyMap<string, BatchOperation> {
  const found = new Map<string, BatchOperation>();
  for (const [path, { operation, post }] of postedOperations(operations))
    if (operation.subject === 'picture' && post.answers === 'artifact') found.set(path, { operation, post });
  return found;
}
