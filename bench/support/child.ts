import { fork } from 'node:child_process';
import { once } from 'node:events';
import { treeCpu } from './processes.ts';

/** A process that handles one request at a time. */
export interface Worker<Request, Result> {
  call(request: Request): Promise<Result>;
  /** CPU seconds so far. */
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a module that calls `serve` as a process. */
export async function startWorker<Request extends object, Result>(
  module: URL,
): Promise<Worker<Request, Result>> {
  const child = fork(module);
  await once(child, 'message');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${module.pathname} has no process id.`);
  return {
    async call(request) {
      const ended = new AbortController();
      const end = () => ended.abort(new Error(`${module.pathname} ended.`));
      child.once('exit', end);
      child.send(request);
      const [answer]: unknown[] = await once(child, 'message', { signal: ended.signal });
      child.off('exit', end);
      const { result, error } = answer as { result: Result; error?: string };
      if (error !== undefined) throw new Error(`${module.pathname}: ${error}`);
      return result;
    },
    cpu: () => treeCpu(pid),
    async stop() {
      if (!child.connected) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
