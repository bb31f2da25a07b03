import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { AppError } from '../../src/core/errors.ts';
import { Admission } from '../../src/processes/admission.ts';
import { actAs, actInBackground } from '../../src/processes/client.ts';

const never = new AbortController().signal;

/** Work that ends when it is told to. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let isStarted = false;
  const run = () => {
    isStarted = true;
    return promise;
  };
  return { run, resolve, reject, isStarted: () => isStarted };
}

t.test(
  'as much runs as there are places, the rest waits in order, and what is too much is refused',
  async (t) => {
    const admission = new Admission({ what: 'cakes', concurrency: 2, queue: 2 });
    const all = Array.from({ length: 4 }, work);
    const done = all.map(({ run }) => admission.run(never, run));
    await sleep(0);
    t.strictSame(admission.stats(), { running: 2, waiting: 2, capacity: 4, hasRoom: true });
    t.strictSame(
      all.map(({ isStarted }) => isStarted()),
      [true, true, false, false],
    );
    const error: unknown = await admission.run(never, work().run).catch((reason: unknown) => reason);
    t.ok(error instanceof AppError);
    t.match(error, { code: 'overloaded', retryAfter: 5, detail: /cakes/ });

    all[1]?.resolve('second');
    t.equal(await done[1], 'second');
    await sleep(0);
    t.strictSame(
      all.map(({ isStarted }) => isStarted()),
      [true, true, true, false],
      'the one that waited longest',
    );
    all[0]?.reject(new Error('burnt'));
    await t.rejects(Promise.all(done.slice(0, 1)), { message: 'burnt' });
    await sleep(0);
    t.ok(all[3]?.isStarted(), 'a place is free after a failure, too');
    all[2]?.resolve('third');
    all[3]?.resolve('fourth');
    t.strictSame(await Promise.all([done[2], done[3]]), ['third', 'fourth']);
    t.strictSame(admission.stats(), { running: 0, waiting: 0, capacity: 4, hasRoom: true });
  },
);

t.test('who leaves while waiting gives up the place in the queue; what runs is not cut off', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 1, queue: 1 });
  const [first, second, third] = [work(), work(), work()];
  const running = new AbortController();
  const waiting = new AbortController();
  const done = admission.run(running.signal, first.run);
  const gone = admission.run(waiting.signal, second.run);
  waiting.abort(new Error('gone'));
  await t.rejects(gone, { message: 'gone' });
  t.strictSame(admission.stats(), { running: 1, waiting: 0, capacity: 2, hasRoom: true });
  const next = admission.run(never, third.run);
  running.abort(new Error('too late'));
  first.resolve('done');
  t.equal(await done, 'done');
  third.resolve('next');
  t.equal(await next, 'next');
  t.notOk(second.isStarted());
  await t.rejects(
    admission.run(waiting.signal, work().run),
    { message: 'gone' },
    'at once if it has left before',
  );
});

t.test('closing refuses what waits and what comes', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 1, queue: 5 });
  const first = work();
  const done = admission.run(never, first.run);
  const waiting = admission.run(never, work().run);
  admission.close();
  await t.rejects(waiting, { code: 'overloaded' });
  await t.rejects(admission.run(never, work().run), { code: 'overloaded' });
  first.resolve('done');
  t.equal(await done, 'done');
});

t.test('a client with little to do is next, and takes the place of one that fills the queue', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 1, queue: 3 });
  const greedy = Array.from({ length: 4 }, work);
  const ordered = greedy.map(({ run }) => actAs('greedy', () => admission.run(never, run, 10)));
  t.match(admission.stats(), { running: 1, waiting: 3, hasRoom: true });
  await t.rejects(
    actAs('greedy', () => admission.run(never, work().run, 10)),
    { code: 'overloaded' },
  );
  const modest = work();
  const asked = actAs('modest', () => admission.run(never, modest.run, 10));
  await t.rejects(ordered[3] as Promise<string>, { code: 'overloaded' }, 'the newest of the greedy client');
  greedy[0]?.resolve('first');
  await ordered[0];
  modest.resolve('next');
  t.equal(await asked, 'next');
  await sleep(0);
  t.ok(greedy[1]?.isStarted());
  greedy[1]?.resolve('second');
  greedy[2]?.resolve('third');
  t.strictSame(await Promise.all(ordered.slice(0, 3)), ['first', 'second', 'third']);
});

t.test('a queue that many clients fill has no room', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 1, queue: 2 });
  const all = Array.from({ length: 3 }, work);
  const done = all.map(({ run }, index) => actAs(`client ${index}`, () => admission.run(never, run)));
  t.equal(admission.stats().hasRoom, false);
  await t.rejects(
    actAs('another', () => admission.run(never, work().run)),
    { code: 'overloaded' },
  );
  for (const { resolve } of all) resolve('done');
  await Promise.all(done);
});

t.test('one client cannot have all places if its share is limited', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 3, queue: 2, maxPerClient: 2 });
  const greedy = Array.from({ length: 3 }, work);
  const ordered = greedy.map(({ run }) => actAs('greedy', () => admission.run(never, run)));
  t.match(admission.stats(), { running: 2, waiting: 1 });
  const modest = work();
  const asked = actAs('modest', () => admission.run(never, modest.run));
  t.ok(modest.isStarted(), 'a place is kept for others');
  modest.resolve('done');
  t.equal(await asked, 'done');
  t.notOk(greedy[2]?.isStarted());
  greedy[0]?.resolve('first');
  await ordered[0];
  await sleep(0);
  t.ok(greedy[2]?.isStarted());
  greedy[1]?.resolve('second');
  greedy[2]?.resolve('third');
  await Promise.all(ordered);
});

t.test('Retry-After counts what runs, what waits, and work that failed', async (t) => {
  let now = 0;
  t.intercept(performance, 'now', { value: () => now });
  const admission = new Admission({ what: 'cakes', concurrency: 1, queue: 2 });
  const refusal = () =>
    actAs('a', () => admission.run(never, work().run, 2)).then(
      () => undefined,
      (error: AppError) => error.retryAfter,
    );
  const killed = work();
  const done = actAs('a', () => admission.run(never, killed.run, 1));
  now += 3000;
  killed.reject(new Error('killed'));
  await t.rejects(done);
  const all = Array.from({ length: 3 }, work);
  const waiting = all.map(({ run }) => actAs('a', () => admission.run(never, run, 2)));
  t.equal(await refusal(), 18, 'one runs and two wait, 6 s each');
  now += 20_000;
  t.equal(await refusal(), 60, 'what runs takes longer than expected');
  for (const { resolve } of all) resolve('done');
  await Promise.all(waiting);
});

t.test('work in the background never takes the last place, and starts when nothing else waits', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 3, queue: 1 });
  const behind = Array.from({ length: 4 }, work);
  const done = behind.map(({ run }) => actInBackground('jobs', () => admission.run(never, run)));
  const started = () => behind.map(({ isStarted }) => isStarted());
  t.strictSame(started(), [true, true, false, false], 'more wait than the queue has places for');
  t.match(admission.stats(), { running: 2, waiting: 2, hasRoom: true });

  const [first, second] = [work(), work()];
  const asked = [first, second].map(({ run }) => actAs('person', () => admission.run(never, run)));
  t.strictSame([first.isStarted(), second.isStarted()], [true, false]);
  behind[0]?.resolve('done');
  await done[0];
  await sleep(0);
  t.strictSame([second.isStarted(), behind[2]?.isStarted()], [true, false], 'who waits for it comes first');
  behind[1]?.resolve('done');
  await done[1];
  await sleep(0);
  t.strictSame(started(), [true, true, true, false], 'two places are taken by others');
  for (const { resolve } of [first, second]) resolve('done');
  await Promise.all(asked);
  await sleep(0);
  t.strictSame(started(), [true, true, true, true]);
  for (const { resolve } of behind) resolve('done');
  await Promise.all(done);
  t.match(admission.stats(), { running: 0, waiting: 0 });
});

t.test('work in the background has the only place while nobody else wants it', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 1, queue: 1 });
  const [behind, next] = [work(), work()];
  const done = actInBackground('jobs', () => admission.run(never, behind.run));
  t.ok(behind.isStarted());
  const waiting = actInBackground('jobs', () => admission.run(never, next.run));
  const front = work();
  const asked = actAs('person', () => admission.run(never, front.run));
  behind.resolve('done');
  await done;
  await sleep(0);
  t.strictSame([front.isStarted(), next.isStarted()], [true, false]);
  front.resolve('done');
  await asked;
  next.resolve('done');
  t.equal(await waiting, 'done');
});

t.test('work in the background that waits can be taken back, and is refused by the end', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 1, queue: 1 });
  const running = work();
  const done = admission.run(never, running.run);
  const leaving = new AbortController();
  const gone = actInBackground('jobs', () => admission.run(leaving.signal, work().run));
  const refused = actInBackground('jobs', () => admission.run(never, work().run));
  leaving.abort(new Error('cancelled'));
  await t.rejects(gone, { message: 'cancelled' });
  t.match(admission.stats(), { waiting: 1 });
  admission.close();
  await t.rejects(refused, { code: 'overloaded' });
  running.resolve('done');
  await done;
});

t.test('owners of work in the background share its places', async (t) => {
  const admission = new Admission({ what: 'cakes', concurrency: 2, queue: 1 });
  const order: string[] = [];
  const bake = (owner: string) =>
    actInBackground(owner, () =>
      admission.run(never, async () => {
        order.push(owner);
        await sleep(0);
      }),
    );
  await Promise.all([bake('a'), bake('a'), bake('a'), bake('a'), bake('b'), bake('b')]);
  t.strictSame(order.slice(0, 5), ['a', 'a', 'b', 'a', 'b']);
});
