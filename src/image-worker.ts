/** Main module of an image process, which runs native code on untrusted files. */
import { OPERATIONS, OPERATIONS_BY_NAME } from './operations.ts';
import { serveTasks } from './processes/serve-tasks.ts';
import type { Task } from './work/operation.ts';

await serveTasks<Task>({
  // The other operations load at their first task. One that fails to load fails only its own tasks.
  prepare: () => Promise.allSettled([OPERATIONS.inspect.load(), OPERATIONS.transform.load()]),
  async run(name, task) {
    const operation = OPERATIONS_BY_NAME.get(name);
    if (operation === undefined) throw new Error(`There is no operation ${name}.`);
    const runTask = await operation.load();
    return runTask(task);
  },
});
