// Imported by a server process before its own code (`node --import`): makes it fail at items of jobs in the ways that the file says which
// FAULTS_FILE names. The file is read again for every item.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkQueue } from '../../src/jobs/queue/work-queue.ts';
import { Maker } from '../../src/work/make.ts';

export interface Faults {
  /** Images whose work ends the process. */
  deadly?: readonly string[];
  /** Milliseconds that all work takes more. */
  delayMs?: number;
  /** Whether it takes its leases for valid, whatever the database says. */
  isSure?: boolean;
}

const { FAULTS_FILE: file = '' } = process.env;
const readFaults = (): Faults => JSON.parse(readFileSync(file, 'utf8'));

const { make } = Maker.prototype;
Maker.prototype.make = async function (owner, work, options) {
  const { deadly = [], delayMs = 0 } = readFaults();
  await sleep(delayMs);
  if (work.inputs.some((input) => 'id' in input && deadly.includes(input.id)))
    process.kill(process.pid, 'SIGKILL');
  return make.call(this, owner, work, options);
};

const { renew } = WorkQueue.prototype;
WorkQueue.prototype.renew = async function (attempts, leaseSeconds) {
  const held = await renew.call(this, attempts, leaseSeconds);
  return readFaults().isSure ? attempts.map((attempt) => ({ ...attempt, isCancelled: false })) : held;
};
