// Imported by a worker before its own code (`node --import`): makes it fail at items in the ways that FAULTS says, as JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalRunner } from '../../src/work/local-runner.ts';

export interface WorkerFaults {
  /** Images whose work ends the worker. */
  deadly?: readonly string[];
  /** Milliseconds that all work takes more. */
  delayMs?: number;
}

const { deadly = [], delayMs = 0 } = JSON.parse(process.env.FAULTS ?? '{}') as WorkerFaults;

const { run } = LocalRunner.prototype;
LocalRunner.prototype.run = async function (work, attempt, options) {
  await sleep(delayMs);
  if (work.inputs.some((input) => 'id' in input && deadly.includes(input.id)))
    process.kill(process.pid, 'SIGKILL');
  return run.call(this, work, attempt, options);
};
