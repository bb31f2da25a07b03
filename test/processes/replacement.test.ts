import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { AppError } from '../../src/core/errors.ts';
import { type PoolOptions, ProcessPool } from '../../src/processes/pool.ts';
import { eventually } from '../safety/processes.ts';
import { allowedMs } from '../support/time.ts';

const onLinux = { skip: process.platform === 'linux' ? false : 'needs /proc' };
const never = new AbortController().signal;
const inTime = { timeoutMs: 20_000, signal: never };

function openPool(t: Test, options: Partial<PoolOptions> = {}): ProcessPool<string, unknown> {
  const pool = new ProcessPool<string, unknown>({
    mainModule: new URL('../support/task-worker.ts', import.meta.url),
    what: 'cakes',
    concurrency: 1,
    queue: 10,
    ...options,
  });
  t.teardown(() => pool.close());
  return pool;
}

t.test('a process is replaced after a number of tasks', async (t) => {
  const pool = openPool(t, { maxTasks: 3 });
  const pids = await Promise.all(Array.from({ length: 7 }, () => pool.run('pid', '', inTime)));
  t.strictSame(
    pids.map((pid) => pids.indexOf(pid)),
    [0, 0, 0, 3, 3, 3, 6],
  );
  t.equal(pool.stats().restarts, 2);
});

t.test('a process is replaced if it takes too much memory', async (t) => {
  const warnings: object[] = [];
  const pool = openPool(t, {
    maxRss: 200 * 1024 * 1024,
    log: { warn: (details) => warnings.push(details) },
  });
  const first = await pool.run('pid', '', inTime);
  t.equal(await pool.run('grow', '1', inTime), 1);
  t.equal(await pool.run('pid', '', inTime), first);
  t.equal(await pool.run('grow', '200', inTime), 2, 'the task itself succeeds');
  t.not(await pool.run('pid', '', inTime), first);
  t.equal(pool.stats().restarts, 1);
  t.same(warnings, [], 'as routine');
});

t.test('an idle process that has kept much memory is replaced', onLinux, async (t) => {
  const pool = openPool(t, { idleMs: 200 });
  const first = await pool.run('pid', '', inTime);
  await sleep(500);
  t.equal(await pool.run('pid', '', inTime), first, 'a small one stays');
  await pool.run('grow', '60', inTime);
  t.equal(await pool.run('pid', '', inTime), first, 'not while it has work');
  t.ok(await eventually(() => pool.stats().restarts === 1));
  t.not(await pool.run('pid', '', inTime), first);
});

t.test('a process whose task takes too much memory is killed', onLinux, async (t) => {
  const pool = openPool(t, { maxMemory: 300 * 1024 * 1024 });
  const first = await pool.run('pid', '', inTime);
  t.equal(await pool.run('hold', '100', inTime), 100);
  t.equal(await pool.run('pid', '', inTime), first);
  await t.rejects(pool.run('hold', '1000', inTime), {
    code: 'memory_limit_exceeded',
    detail: 'The operation needs more than the allowed 300 MiB of memory.',
  });
  t.not(await pool.run('pid', '', inTime), first);
});

t.test('processes that die before their first task are started again, less and less often', async (t) => {
  const deadly = path.join(t.testdir(), 'deadly');
  writeFileSync(deadly, '');
  const warnings: object[] = [];
  const pool = openPool(t, {
    env: { DIES_IF_EXISTS: deadly },
    log: { warn: (details) => warnings.push(details) },
  });
  await sleep(2500);
  t.ok(warnings.length > 0 && warnings.length < 8, `${warnings.length} starts`);
  t.match(warnings[0], { reason: /^SIGABRT/ });
  rmSync(deadly);
  t.ok(await eventually(async () => (await pool.run('pid', '', inTime).catch(() => 0)) !== 0));
});

t.test('what a process last wrote to stderr explains its crash', async (t) => {
  const warnings: object[] = [];
  const pool = openPool(t, { log: { warn: (details) => warnings.push(details) } });
  const error: unknown = await pool.run('crash', 'out of flour', inTime).catch((reason: unknown) => reason);
  t.match(error, { code: 'decoder_crashed', cause: { message: /^SIGABRT; stderr: out of flour/ } });
  t.match(warnings, [{ reason: /^SIGABRT; stderr: out of flour/, task: 'crash', pid: Number }]);
  t.type(await pool.run('pid', '', inTime), 'number');
});

t.test('an error of a task crosses with its stack and its cause', async (t) => {
  const pool = openPool(t);
  const error: unknown = await pool.run('fail', 'burnt', inTime).catch((reason: unknown) => reason);
  t.ok(error instanceof AppError);
  t.match(error, {
    code: 'internal_error',
    detail: /^The operation failed unexpectedly/,
    cause: { message: 'burnt', stack: /task-worker/, cause: { message: 'the cause of it' } },
  });
  t.equal(pool.stats().restarts, 0);
});

t.test('a process that cannot answer any more is killed', async (t) => {
  const pool = openPool(t);
  const pid = await pool.run('pid', '', inTime);
  const start = performance.now();
  await t.rejects(pool.run('spin', '', { timeoutMs: 500, signal: never }), { code: 'operation_timeout' });
  const leave = new AbortController();
  setTimeout(() => leave.abort(new Error('left')), 1000);
  await t.rejects(pool.run('spin', '', { timeoutMs: 20_000, signal: leave.signal }), { message: 'left' });
  t.ok(performance.now() - start < allowedMs(2500), `${performance.now() - start} ms`);
  t.not(await pool.run('pid', '', inTime), pid);
  t.equal(pool.stats().restarts, 2);
});

t.test('processes that die before they are ready are started again, less and less often', async (t) => {
  const broken = path.join(t.testdir(), 'broken');
  writeFileSync(broken, '');
  const warnings: { reason?: string }[] = [];
  const pool = openPool(t, {
    env: { BROKEN_IF_EXISTS: broken },
    concurrency: 2,
    log: { warn: (details) => warnings.push(details) },
  });
  const leave = new AbortController();
  const gone = pool.run('pid', '', { timeoutMs: 20_000, signal: leave.signal });
  leave.abort(new Error('left'));
  await t.rejects(gone, { message: 'left' }, 'nobody has to wait for a process');

  const waiting = [1, 2, 3].map(() => pool.run('pid', '', inTime));
  for (const task of waiting) {
    await t.rejects(task, { code: 'overloaded', retryAfter: Number, detail: /cannot be started/ });
  }
  await sleep(1000);
  t.ok(warnings.length < 10, `${warnings.length} attempts`);
  t.match(warnings[0], { reason: /^exit code 1; stderr: (.|\n)*cannot be loaded today/ });
  t.match(pool.stats(), { running: 0, waiting: 0 });

  rmSync(broken);
  const start = performance.now();
  for (;;) {
    const pid = await pool.run('pid', '', inTime).catch(() => undefined);
    if (pid !== undefined) break;
    if (performance.now() - start > allowedMs(15_000)) throw new Error('It did not recover.');
    await sleep(50);
  }
  t.pass('once they can be started, tasks run');
});

t.test('the same if the system refuses to start them', async (t) => {
  const pool = openPool(t, { env: { IMPOSSIBLE: 'a\0b' } });
  await t.rejects(pool.run('pid', '', inTime), { code: 'overloaded', detail: /cannot be started/ });
});

t.test('closing while processes die before they are ready', async (t) => {
  const broken = path.join(t.testdir(), 'broken');
  writeFileSync(broken, '');
  const pool = openPool(t, { env: { BROKEN_IF_EXISTS: broken } });
  const task = pool.run('pid', '', inTime);
  await sleep(300);
  await Promise.all([t.rejects(task, { code: 'overloaded' }), pool.close()]);
  t.same(pool.stats().pids, []);
});

t.test('an answer that cannot be sent is an error of its task', async (t) => {
  const pool = openPool(t);
  const error: unknown = await pool.run('unsendable', '', inTime).catch((reason: unknown) => reason);
  t.match(error, { code: 'internal_error', cause: { message: /could not be cloned/ } });
  t.equal(pool.stats().restarts, 0);
});
