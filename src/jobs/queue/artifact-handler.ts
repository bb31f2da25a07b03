import { relocatedError, relocatedFault } from '../../core/faults.ts';
import { actInBackground } from '../../processes/client.ts';
import type { Maker, PlannedWork } from '../../work/make.ts';
import type { ClaimedItem, ItemResult } from './job.ts';
import type { ItemHandler } from './lane-worker.ts';
import type { PostedOperation } from './posted-operations.ts';

type PostedOperations = ReadonlyMap<string, PostedOperation>;

/** Makes the artifact of an item as its POST would. Its key makes that repeatable. */
export function artifactHandler(
  maker: Maker,
  operations: PostedOperations,
): ItemHandler<ClaimedItem, ItemResult> {
  return async (item, { signal }) => {
    const { owner, operation, retention } = item;
    return actInBackground(`jobs of ${owner}`, async () => {
      const work = await planItem(maker, operations, item);
      const { artifact, isNew } = await maker.make(owner, work, { retention, signal }).catch((error) => {
        throw locatedError(operations, operation, error);
      });
      return { artifactId: artifact.id, isNew };
    });
  };
}

/**
 * Plans the work of an item.
 *
 * @throws AppError as `Maker.plan`, with the paths of faults as its POST has them
 */
export async function planItem(
  maker: Maker,
  operations: PostedOperations,
  { owner, operation: path, parameters, accepts, input }: ClaimedItem,
): Promise<PlannedWork> {
  const { operation, post } = postedOperation(operations, path);
  if (input.type === 'file') throw new Error(`${path} does not work on a file.`);
  try {
    const given = post.form.read({ ...parameters });
    return await maker.plan(owner, operation, input, given, { accepts: () => accepts });
  } catch (error) {
    throw locatedError(operations, path, error);
  }
}

/** A failure of an operation, with the paths of faults as its POST has them. */
export function locatedError(operations: PostedOperations, path: string, error: unknown): unknown {
  const { post } = postedOperation(operations, path);
  return relocatedError(error, (fault) => relocatedFault(fault, post.form.locate(fault.path)));
}

function postedOperation(operations: PostedOperations, path: string): PostedOperation {
  const found = operations.get(path);
  if (found === undefined) throw new Error(`The operation ${path} does not exist.`);
  return found;
}
