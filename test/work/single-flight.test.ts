import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { SingleFlight } from '../../src/work/single-flight.ts';

const never = new AbortController().signal;

t.test('equal requests share one computation and its answer', async (t) => {
  const flights = new SingleFlight<number>();
  let computations = 0;
  const compute = async () => {
    computations += 1;
    await sleep(10);
    return 42;
  };
  const answers = await Promise.all(Array.from({ length: 50 }, () => flights.run('a', never, compute)));
  t.strictSame(new Set(answers), new Set([42]));
  t.equal(computations, 1);
  await flights.run('a', never, compute);
  t.equal(computations, 2, 'a later request computes again');
});

t.test('it goes on while anyone waits, and stops when the last one has left', async (t) => {
  const flights = new SingleFlight<string>();
  const leavers = Array.from({ length: 50 }, () => new AbortController());
  let stopped: unknown;
  const compute = (signal: AbortSignal) =>
    new Promise<string>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        stopped = signal.reason;
        reject(signal.reason);
      });
    });
  const answers = leavers.map(({ signal }) => flights.run('a', signal, compute));
  const outcomes = Promise.allSettled(answers);
  for (const leaver of leavers.slice(1)) leaver.abort(new Error('left'));
  await sleep(5);
  t.equal(stopped, undefined, '49 of 50 leaving stops nothing');
  leavers[0]?.abort(new Error('the last one left'));
  await outcomes;
  t.match(stopped, { message: 'the last one left' });
});

t.test('a failure reaches everyone and is not remembered', async (t) => {
  const flights = new SingleFlight<string>();
  const fail = async () => {
    await sleep(1);
    throw new Error('no');
  };
  const outcomes = await Promise.allSettled([flights.run('a', never, fail), flights.run('a', never, fail)]);
  t.strictSame(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.equal(await flights.run('a', never, async () => 'yes'), 'yes');
});

t.test('who comes after the last one left starts anew', async (t) => {
  const flights = new SingleFlight<string>();
  const leaver = new AbortController();
  const first = flights.run('a', leaver.signal, () => new Promise(() => undefined));
  first.catch(() => undefined);
  leaver.abort(new Error('left'));
  t.equal(await flights.run('a', never, async () => 'anew'), 'anew');
  await t.rejects(first, { message: 'left' });
  await t.rejects(
    flights.run('a', AbortSignal.abort(new Error('gone before')), async () => 'x'),
    { message: 'gone before' },
  );
});
