import type { Operation } from '../../work/operation.ts';
import type { ArtifactPost, BytesPost } from '../../work/routes.ts';

/** An operation, and a POST of it. */
export interface PostedOperation<Post = ArtifactPost | BytesPost> {
  operation: Operation;
  post: Post;
}

/** The operations that can be posted, by the last part of the path of their POST. */
export function postedOperations(operations: Iterable<Operation>): ReadonlyMap<string, PostedOperation> {
  const posted = new Map<string, PostedOperation>();
  for (const operation of operations)
    for (const { path, post } of operation.routes) if (post) posted.set(path, { operation, post });
  return posted;
}
