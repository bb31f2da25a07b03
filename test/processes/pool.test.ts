import { execFile, fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { AppError, type ErrorCode } from '../../src/core/errors.ts';
import { canonicalizePipeline } from '../../src/manipulation/pipeline.ts';
import type { SourceFile } from '../../src/pictures/types.ts';
import { seededRandom } from '../../src/segmentation/methods/random.ts';
import { LIMITS } from '../manipulation/fixtures.ts';
import { createEngine, type Engine, type EngineOptions } from '../support/engine.ts';
import { allowedMs } from '../support/time.ts';

const folder = t.testdir();
const quick = await writePicture('quick.png', 64, 48, 'png');
const slow = await writePicture('slow.jpg', 3000, 2000, 'jpeg');
let results = 0;

async function writePicture(
  name: string,
  width: number,
  height: number,
  format: 'png' | 'jpeg',
): Promise<SourceFile> {
  const file = path.join(folder, name);
  await sharp({
    create: {
      width,
      height,
      channels: 3,
      background: 'teal',
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  }).toFile(file);
  return { path: file, format };
}

function openEngine(t: Test, options: Partial<EngineOptions> = {}): Engine {
  const engine = createEngine({
    concurrency: 1,
    queue: 10,
    timeoutMs: 20_000,
    limits: LIMITS,
    ...options,
  });
  t.teardown(() => engine.close());
  return engine;
}

/** A minute's work where nothing ends it: AVIF of 6 MP at the highest effort. */
function encodeForLong(engine: Engine, signal?: AbortSignal) {
  results += 1;
  const outputPath = path.join(folder, `result-${results}.avif`);
  const request = { operations: [], output: { format: 'avif', effort: 9 } };
  const pipeline = canonicalizePipeline(request as never, { inputFormat: 'jpeg' });
  const done = engine.transform({ source: slow, pipeline, outputPath }, { signal });
  return { done, outputPath };
}

/** A few milliseconds' work. */
function shrink(
  engine: Engine,
  { source = quick, signal }: { source?: SourceFile; signal?: AbortSignal } = {},
) {
  results += 1;
  const outputPath = path.join(folder, `result-${results}.png`);
  const request = { operations: [{ op: 'resize', width: 10 + (results % 20) }], output: { format: 'png' } };
  const pipeline = canonicalizePipeline(request as never, { inputFormat: source.format });
  const done = engine.transform({ source, pipeline, outputPath }, { signal });
  return { done, outputPath };
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'done'> {
  try {
    await promise;
    return 'done';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const start = performance.now(); !condition(); await sleep(10)) {
    if (performance.now() - start > 10_000) throw new Error(`Waited in vain until ${what}`);
  }
}

const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** User and system time in clock ticks of 10 ms. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

const onLinux = { skip: process.platform === 'linux' ? false : 'needs /proc' };

t.test('tasks run side by side, and more wait in the queue', async (t) => {
  const engine = openEngine(t, { concurrency: 2 });
  const all = Array.from({ length: 12 }, () => engine.inspect(quick));
  t.match(engine.stats(), { capacity: 12, restarts: 0 });
  for (const metadata of await Promise.all(all)) t.match(metadata, { format: 'png', width: 64, height: 48 });
  t.match(engine.stats(), { running: 0, waiting: 0 });
});

t.test('past the queue a task is refused at once, with when to try again', async (t) => {
  const engine = openEngine(t, { queue: 2 });
  const accepted = [1, 2, 3].map(() => engine.inspect(quick));
  const error = await engine.inspect(quick).catch((error: unknown) => error);
  t.ok(error instanceof AppError && error.code === 'overloaded' && (error.retryAfter ?? 0) >= 1);
  t.equal((await Promise.all(accepted)).length, 3);
  t.equal(await codeOf(engine.inspect(quick)), 'done');
});

t.test('errors cross with their code, faults and cause', async (t) => {
  const engine = openEngine(t);
  const broken = path.join(folder, 'broken.png');
  writeFileSync(broken, readFileSync(quick.path).subarray(0, 2000));
  const error = await engine.inspect({ path: broken, format: 'png' }).catch((error: unknown) => error);
  t.match(error, { name: 'AppError', code: 'undecodable_image', detail: /^The PNG file cannot be decoded/ });

  const missing = await engine
    .inspect({ path: path.join(folder, 'none.png'), format: 'png' })
    .catch((error: unknown) => error);
  t.match(missing, { code: 'internal_error', cause: { message: /^ENOENT/ } });
  t.notMatch(missing, { detail: /none\.png/ }, 'internals stay in the cause');
  t.equal(engine.stats().restarts, 0);
});

t.test(
  'an encoder that takes too long is killed within half a second, and the CPU is idle',
  onLinux,
  async (t) => {
    const engine = openEngine(t, { timeoutMs: 1000, concurrency: availableParallelism() });
    await engine.inspect(quick);
    const before = engine.stats().pids;
    const start = performance.now();
    const { done, outputPath } = encodeForLong(engine);
    t.equal(await codeOf(done), 'operation_timeout');
    const elapsed = performance.now() - start;
    t.ok(elapsed >= 990 && elapsed < allowedMs(1500), `after ${elapsed} ms`);
    t.notOk(existsSync(outputPath), 'it leaves no file');
    await sleep(allowedMs(1000));
    const { pids, restarts } = engine.stats();
    t.equal(restarts, 1);
    t.equal(before.filter(isAlive).length, before.length - 1, 'its process is gone');
    const ticks = () => pids.reduce((sum, pid) => sum + ticksOf(pid), 0);
    const atFirst = ticks();
    await sleep(500);
    t.ok(ticks() - atFirst <= 5, 'at most 10% of one core');
    t.equal(await codeOf(engine.inspect(quick)), 'done');
  },
);

t.test('the time that a task waits in the queue is not counted', async (t) => {
  const engine = openEngine(t, { timeoutMs: 1000 });
  const first = encodeForLong(engine);
  const second = engine.inspect(quick);
  t.equal(await codeOf(first.done), 'operation_timeout');
  t.equal(await codeOf(second), 'done');
});

t.test('a process killed in the middle costs its own task alone', async (t) => {
  const warnings: string[] = [];
  const engine = openEngine(t, { log: { warn: (_details, message) => warnings.push(message) } });
  await engine.inspect(quick);
  const { done } = encodeForLong(engine);
  const next = engine.inspect(quick);
  const [pid = 0] = engine.stats().pids;
  await sleep(200);
  process.kill(pid, 'SIGSEGV');
  t.equal(await codeOf(done), 'decoder_crashed');
  t.equal(await codeOf(next), 'done');
  t.equal(warnings.length, 1);
  t.equal(engine.stats().restarts, 1);
});

t.test('an idle process that dies is replaced', async (t) => {
  const engine = openEngine(t);
  await engine.inspect(quick);
  const [pid = 0] = engine.stats().pids;
  process.kill(pid, 'SIGKILL');
  await until(() => engine.stats().restarts === 1, 'it is replaced');
  t.equal(await codeOf(engine.inspect(quick)), 'done');
});

t.test('aborting takes waiting tasks out of the queue and ends running ones', onLinux, async (t) => {
  const engine = openEngine(t);
  await engine.inspect(quick);
  const [pid = 0] = engine.stats().pids;
  const running = new AbortController();
  const waiting = new AbortController();
  const { done: first, outputPath } = encodeForLong(engine, running.signal);
  const second = encodeForLong(engine, waiting.signal).done;
  const third = engine.inspect(quick);
  t.match(engine.stats(), { running: 1, waiting: 2 });

  waiting.abort(new Error('left the queue'));
  await t.rejects(second, { message: 'left the queue' });
  t.match(engine.stats(), { running: 1, waiting: 1 });
  t.ok(isAlive(pid));

  running.abort(new Error('left in the middle'));
  await t.rejects(first, { message: 'left in the middle' });
  t.notOk(isAlive(pid), 'its process is gone by then');
  t.notOk(existsSync(outputPath));
  t.equal(await codeOf(third), 'done');

  await t.rejects(engine.inspect(quick, { signal: AbortSignal.abort(new Error('too late')) }), /too late/);
});

t.test('a task that is about to end when it is aborted costs no process', async (t) => {
  const engine = openEngine(t);
  await engine.inspect(quick);
  const leave = new AbortController();
  const task = engine.inspect(slow, { signal: leave.signal });
  leave.abort(new Error('left'));
  await t.rejects(task, { message: 'left' });
  t.equal(await codeOf(engine.inspect(quick)), 'done');
  t.match(engine.stats(), { restarts: 0, running: 0 });
});

t.test('no task waits behind a long one while another process has nothing to do', async (t) => {
  const engine = openEngine(t, { concurrency: 2 });
  await engine.inspect(quick);
  const leave = new AbortController();
  const long = encodeForLong(engine, leave.signal).done;
  const start = performance.now();
  const codes = await Promise.all(Array.from({ length: 9 }, () => codeOf(shrink(engine).done)));
  t.strictSame(new Set(codes), new Set(['done']));
  t.ok(performance.now() - start < allowedMs(5000), `${performance.now() - start} ms`);
  t.match(engine.stats(), { running: 1, waiting: 0, restarts: 0 });
  leave.abort(new Error('left'));
  await t.rejects(long, { message: 'left' });
});

t.test('nor while another process goes on with what came later', async (t) => {
  const engine = openEngine(t, { concurrency: 2, queue: 30 });
  await engine.inspect(quick);
  const leave = new AbortController();
  const long = encodeForLong(engine, leave.signal).done;
  const finished: number[] = [];
  const tasks = Array.from({ length: 20 }, (_, index) =>
    shrink(engine, { source: slow }).done.then(() => finished.push(index)),
  );
  await Promise.all(tasks);
  const overtakings = finished.map((index, place) => place - index);
  t.ok(Math.max(...overtakings) < 12, `finished in the order ${finished}`);
  leave.abort(new Error('left'));
  await t.rejects(long, { message: 'left' });
});

t.test('what waits is done by another process if the one before it is killed', async (t) => {
  const engine = openEngine(t, { timeoutMs: 1000 });
  await engine.inspect(quick);
  for (const end of ['operation_timeout', 'decoder_crashed'] as const) {
    const first = encodeForLong(engine).done;
    const following = [shrink(engine), shrink(engine), engine.inspect(quick)];
    const [pid = 0] = engine.stats().pids;
    if (end === 'decoder_crashed') setTimeout(() => process.kill(pid, 'SIGSEGV'), 200);
    t.equal(await codeOf(first), end);
    const codes = following.map((task) => codeOf('done' in task ? task.done : task));
    t.strictSame(await Promise.all(codes), ['done', 'done', 'done']);
  }
  t.match(engine.stats(), { restarts: 2, running: 0, waiting: 0 });
});

t.test(
  'tasks are aborted and processes killed at any moment, and each task ends once',
  onLinux,
  async (t) => {
    const engine = openEngine(t, { concurrency: 2, queue: 1000 });
    await engine.inspect(quick);
    const random = seededRandom(7);
    const outcomes = new Map<string, number>();
    const tasks = Array.from({ length: 400 }, async (_, index) => {
      const leave = new AbortController();
      const { done, outputPath } = shrink(engine, {
        source: index % 40 === 0 ? slow : quick,
        signal: leave.signal,
      });
      if (index % 4 === 0) setTimeout(() => leave.abort(new AppError('conflict', 'left')), random() * 2000);
      const code = await codeOf(done);
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      if (code !== 'done') t.notOk(existsSync(outputPath), `${code}: no file`);
      else t.match(await sharp(outputPath).metadata(), { format: 'png' });
    });
    for (let kills = 0; kills < 3; kills += 1) {
      await sleep(300);
      const { pids } = engine.stats();
      process.kill(pids[kills % pids.length] ?? 0, 'SIGKILL');
    }
    await Promise.all(tasks);
    t.match(engine.stats(), { running: 0, waiting: 0 });
    const counts = Object.fromEntries(outcomes);
    const { done = 0, conflict = 0, operation_interrupted: killed = 0 } = counts;
    t.equal(done + conflict + killed, 400, JSON.stringify(counts));
    t.ok(killed <= 3 && conflict > 0, JSON.stringify(counts));
    t.equal(await codeOf(engine.inspect(quick)), 'done');
  },
);

t.test('closing hands back what waits, lets what runs end, and ends the processes', onLinux, async (t) => {
  const engine = openEngine(t);
  await engine.inspect(quick);
  const { pids } = engine.stats();
  const running = shrink(engine, { source: slow }).done;
  const waiting = [shrink(engine).done, shrink(engine).done, engine.inspect(quick)];
  const closed = engine.close();
  t.strictSame(new Set(await Promise.all(waiting.map(codeOf))), new Set(['overloaded']));
  t.equal(await codeOf(running), 'done');
  await closed;
  t.equal(await codeOf(engine.inspect(quick)), 'overloaded');
  t.notOk(pids.some(isAlive));
});

t.test('closing before the processes are ready', onLinux, async (t) => {
  const engine = openEngine(t, { concurrency: 2 });
  const { pids } = engine.stats();
  await engine.close();
  await until(() => !pids.some(isAlive), 'they are gone');
});

t.test('image processes see nothing secret of the environment', onLinux, async (t) => {
  process.env.DATABASE_URL = 'postgresql://user:password@host/db';
  process.env.SECRET_OF_MINE = 'secret';
  t.teardown(() => {
    delete process.env.DATABASE_URL;
    delete process.env.SECRET_OF_MINE;
  });
  const engine = openEngine(t);
  await engine.inspect(quick);
  const [pid = 0] = engine.stats().pids;
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  const names = environment.map((line) => line.split('=')[0] ?? '');
  t.notOk(names.includes('DATABASE_URL') || names.includes('SECRET_OF_MINE'), names.join());
  t.ok(names.includes('PATH') && names.includes('MALLOC_ARENA_MAX'));
});

t.test(
  'signals that a terminal or service manager sends to all processes are left to the pool',
  async (t) => {
    const engine = openEngine(t);
    await engine.inspect(quick);
    const [pid = 0] = engine.stats().pids;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
    t.equal(await codeOf(engine.inspect(quick)), 'done');
    t.equal(engine.stats().restarts, 0);
  },
);

t.test('when the parent is killed, its busy and idle processes end', onLinux, async (t) => {
  const main = path.join(folder, 'parent.mjs');
  const engine = JSON.stringify(new URL('../support/engine.ts', import.meta.url).href);
  const pipeline = canonicalizePipeline({ operations: [], output: { format: 'avif', effort: 9 } } as never, {
    inputFormat: 'jpeg',
  });
  const task = { source: slow, pipeline, outputPath: path.join(folder, 'orphan.avif') };
  writeFileSync(
    main,
    `import { createEngine } from ${engine};
    const limits = ${JSON.stringify(LIMITS)};
    const engine = createEngine({ concurrency: 2, queue: 1, timeoutMs: 60000, limits });
    await engine.inspect(${JSON.stringify(quick)});
    engine.transform(${JSON.stringify(task)});
    setTimeout(() => process.send(engine.stats().pids), 500);`,
  );
  const parent = fork(main, { execArgv: [] });
  const pids = await new Promise<number[]>((resolve) =>
    parent.once('message', (message) => resolve(Array.isArray(message) ? message.map(Number) : [])),
  );
  t.equal(pids.filter(isAlive).length, 2);
  parent.kill('SIGKILL');
  await until(() => !pids.some(isAlive), 'the orphans are gone');
});

t.test('no mutated file hangs or kills the pool: each is read, or refused with a reason', async (t) => {
  const engine = openEngine(t, { concurrency: availableParallelism(), queue: 10_000, timeoutMs: 5000 });
  const random = seededRandom(20);
  const picture = sharp({
    create: {
      width: 96,
      height: 64,
      channels: 3,
      background: 'teal',
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  }).withExif({ IFD0: { Make: 'Coreframe' } });
  const outcomes = new Map<string, number>();
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const) {
    const good = await picture.clone().toFormat(format).toBuffer();
    const tasks = Array.from({ length: 60 }, async (_, round) => {
      const bytes = Buffer.from(round % 3 === 0 ? good.subarray(0, Math.ceil(random() * good.length)) : good);
      // Half of the damage is in the first 200 bytes, where the headers are.
      const reach = round % 2 === 0 ? Math.min(200, bytes.length) : bytes.length;
      for (let flips = round % 3 === 0 ? 0 : 1 + random() * 8; flips > 0; flips -= 1) {
        bytes[Math.floor(random() * reach)] = Math.floor(random() * 256);
      }
      const file = path.join(folder, `mutant-${format}-${round}`);
      writeFileSync(file, bytes);
      return codeOf(engine.inspect({ path: file, format }));
    });
    for (const code of await Promise.all(tasks)) outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
  }
  t.same(
    [...outcomes.keys()].filter((code) => !['done', 'undecodable_image', 'too_many_pixels'].includes(code)),
    [],
  );
  t.ok((outcomes.get('undecodable_image') ?? 0) > 100);
  t.equal(engine.stats().restarts, 0);
  t.equal(await codeOf(engine.inspect(quick)), 'done');
});

t.test('image processes are children that keep no files open between tasks', onLinux, async (t) => {
  const engine = openEngine(t);
  await engine.inspect(quick);
  const [pid = 0] = engine.stats().pids;
  const { stdout } = await promisify(execFile)('ls', ['-l', `/proc/${pid}/fd`]);
  t.notMatch(stdout, quick.path);
  t.ok(readdirSync(`/proc/${pid}/fd`).length < 40);
});
