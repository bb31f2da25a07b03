import { relocatedError, relocatedFault } from '../../core/faults.ts';
import { actInBackground } from '../../processes/client.ts';
import type { Maker } from '../../work/make.ts';
import type { Operation } from '../../work/operation.ts';
import type { ItemHandler } from './lane-worker.ts';
import { postedOperations } from './posted-operations.ts';

/** Makes the artifact of an item as its POST would. Its key makes that repeatable. */
export function artifactHandler(maker: Maker, operations: Iterable<Operation>): ItemHandler {
  const posted = postedOperations(operations);
  return async ({ owner, operation: path, parameters, accepts, retention, input }, { signal }) => {
    const found = posted.get(path);
    if (found === undefined || input.type === 'file')
      throw new Error(`The operation ${path} does not exist.`);
    const { operation, post } = found;
    try {
      return await actInBackground(`jobs of ${owner}`, async () => {
        const given = post.form.read({ ...parameters });
        const work = await maker.plan(owner, operation, input, given, { accepts: () => accepts });
        const { artifact, isNew } = await maker.make(owner, work, { retention, signal });
        return { artifactId: artifact.id, isNew };
      });
    } catch (error) {
      throw relocatedError(error, (fault) => relocatedFault(fault, post.form.locate(fault.path)));
    }
  };
}
