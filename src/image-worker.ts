/** Main module of an image process: it holds native code that works on strangers' bytes. */
import { OPERATIONS, OPERATIONS_BY_NAME } from './operations.ts';
import { serveTasks } from './processes/serve-tasks.ts';
import type { Task } from './work/operation.ts';

await serveTasks<Task>({
  // About 100 ms. The other operations load when they are asked for; one that fails to load fails its own tasks alone.
  prepare: () => Promise.allSettled([OPERATIONS.inspect.load(), OPERATIONS.transform.load()]),
  async run(name, task) {
    const operation = OPERATIONS_BY_NAME.get(name);
    if (operation === undefined) throw new Error(`There is no operation ${name}.`);
    const runTask = await operation.load();
    return runTask(task);
  },
});
