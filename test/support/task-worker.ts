/** Main module of a process that does nothing with images: what a pool does can be seen in it. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveTasks } from '../../src/processes/serve-tasks.ts';

const kept: Buffer[] = [];

const TASKS: Record<string, (task: string) => unknown> = {
  pid: () => process.pid,
  grow: (mebibytes) => kept.push(Buffer.alloc(Number(mebibytes) * 1024 * 1024, 1)),
  /** Takes memory in steps of 10 MiB and frees it at the end. */
  async hold(mebibytes) {
    const buffers: Buffer[] = [];
    while (buffers.length * 10 < Number(mebibytes)) {
      buffers.push(Buffer.alloc(10 * 1024 * 1024, 1));
      await sleep(1);
    }
    await sleep(200);
    return buffers.length * 10;
  },
  crash(words) {
    process.stderr.write(words);
    process.abort();
  },
  fail: (words) => {
    throw new Error(words, { cause: new RangeError('the cause of it') });
  },
  unsendable: () => () => 'a function',
  /** Keeps the event loop busy for ever: nothing but SIGKILL ends it. */
  spin: () => {
    for (;;);
  },
};

await serveTasks<string>({
  async prepare() {
    if (existsSync(process.env.BROKEN_IF_EXISTS ?? '')) throw new Error('cannot be loaded today');
  },
  run: async (name, task) => TASKS[name]?.(task),
});

if (existsSync(process.env.DIES_IF_EXISTS ?? '')) process.abort();
