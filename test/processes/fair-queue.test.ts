import t from 'tap';
import { FairQueue } from '../../src/processes/fair-queue.ts';

/** Items as text: the client, a number and the cost, such as `a1:5`. */
function queueOf(...names: string[]) {
  const queue = new FairQueue<{ name: string; client: string; cost: number }>();
  const items = names.map((name) => {
    const [, client = '', , cost] = /^([a-z]+)(\d+):(\d+)$/.exec(name) ?? [];
    const item = { name, client, cost: Number(cost) };
    queue.add(item);
    return item;
  });
  return { queue, items };
}

function drain({ queue }: ReturnType<typeof queueOf>): string[] {
  const names: string[] = [];
  for (let item = queue.next(); item !== undefined; item = queue.next()) names.push(item.name);
  return names;
}

t.test('items of one client with equal cost keep their order', async (t) => {
  t.strictSame(drain(queueOf('a1:1', 'a2:1', 'a3:1')), ['a1:1', 'a2:1', 'a3:1']);
});

t.test('cheap items of a client come before expensive ones', async (t) => {
  t.strictSame(drain(queueOf('a1:50', 'a2:9', 'a3:1')), ['a3:1', 'a2:9', 'a1:50']);
});

t.test('an expensive item is passed over ten times', async (t) => {
  const cheap = Array.from({ length: 20 }, (_, index) => `a${index + 2}:1`);
  t.equal(drain(queueOf('a1:99', ...cheap)).indexOf('a1:99'), 10);
});

t.test('clients take turns by the cost that they have been served', async (t) => {
  t.strictSame(drain(queueOf('a1:2', 'a2:2', 'a3:2', 'b1:2', 'b2:2', 'c1:2')), [
    'a1:2',
    'b1:2',
    'c1:2',
    'a2:2',
    'b2:2',
    'a3:2',
  ]);
  const order = drain(queueOf('a1:10', 'a2:10', 'b1:1', 'b2:1', 'b3:1', 'b4:1'));
  t.strictSame(
    order,
    ['b1:1', 'b2:1', 'b3:1', 'b4:1', 'a1:10', 'a2:10'],
    'the cheap ones together cost less than an expensive one',
  );
  const many = Array.from({ length: 30 }, (_, index) => `b${index + 1}:1`);
  const mixed = drain(queueOf('a1:10', 'a2:10', ...many));
  t.strictSame([mixed.indexOf('a1:10'), mixed.indexOf('a2:10')], [10, 21], 'as much of both');
});

t.test('a client that comes later is next, but is not paid back for the time before', async (t) => {
  const waiting = queueOf('a1:5', 'a2:5', 'a3:5', 'a4:5');
  waiting.queue.next();
  waiting.queue.next();
  for (const name of ['b1:5', 'b2:5']) {
    waiting.queue.add({ name, client: 'b', cost: 5 });
  }
  t.strictSame(drain(waiting), ['b1:5', 'a3:5', 'b2:5', 'a4:5']);
});

t.test('clients that come later do not pass over an expensive item for ever', async (t) => {
  const { queue } = queueOf('a1:100');
  let newcomers = 0;
  const serve = () => {
    queue.add({ name: 'new', client: `new ${newcomers}`, cost: 1 });
    newcomers += 1;
    return queue.next()?.name;
  };
  for (let name = serve(); name === 'new' && newcomers < 1000; name = serve());
  t.ok(newcomers > 100, 'small work of others comes first');
  t.ok(newcomers < 300, 'until each of two has had its share');
});

t.test('a small item is next, however much others wait for', async (t) => {
  const greedy = Array.from({ length: 20 }, (_, index) =>
    ['a', 'b', 'c'].map((client) => `${client}${index}:1000`),
  );
  const { queue } = queueOf(...greedy.flat());
  for (let turn = 0; turn < 12; turn += 1) {
    queue.next();
    queue.add({ name: 'small', client: 'small', cost: 5 });
    t.equal(queue.next()?.name, 'small', `after ${turn + 1} expensive ones`);
  }
});

t.test('what already runs for a client counts as served', async (t) => {
  const { queue } = queueOf();
  queue.add({ name: 'a', client: 'a', cost: 1 }, 5);
  queue.add({ name: 'b', client: 'b', cost: 3 });
  t.equal(queue.next()?.name, 'b');
  t.equal(queue.next()?.name, 'a');
});

t.test('clients that may not have a turn are skipped and keep theirs', async (t) => {
  const { queue } = queueOf('a1:1', 'b1:1');
  t.equal(queue.next((client) => client !== 'a')?.name, 'b1:1');
  t.equal(
    queue.next((client) => client !== 'a'),
    undefined,
  );
  t.equal(queue.next()?.name, 'a1:1');
});

t.test('the client with most items gives way, with its most expensive and newest one', async (t) => {
  const { queue } = queueOf('a1:3', 'a2:9', 'a3:9', 'b1:1');
  t.equal(queue.displaceFor('a'), undefined, 'not to itself');
  t.equal(queue.displaceFor('b')?.name, 'a3:9', 'to a client with fewer');
  t.equal(queue.displaceFor('b'), undefined, 'not to a client that would then have more');
  t.equal(queue.displaceFor('c')?.name, 'a2:9');
  t.equal(queue.displaceFor('c'), undefined, 'the last item of a client stays');
  t.strictSame(drain({ queue, items: [] }), ['b1:1', 'a1:3']);
});

t.test('it has room for a new client if one waits for several items', async (t) => {
  t.equal(queueOf('a1:1').queue.hasRoom(2), true);
  t.equal(queueOf('a1:1', 'a2:1').queue.hasRoom(2), true);
  t.equal(queueOf('a1:1', 'b1:1').queue.hasRoom(2), false);
});

t.test('what is removed is gone, and everything can be taken out', async (t) => {
  const { queue, items } = queueOf('a1:1', 'a2:2', 'b1:3');
  queue.remove(items[0] as (typeof items)[0]);
  queue.remove(items[0] as (typeof items)[0]);
  t.equal(queue.size, 2);
  t.strictSame(queue.load('a'), { cost: 2, clients: 2 });
  t.strictSame(queue.load('z'), { cost: 0, clients: 2 });
  t.strictSame(
    queue.clear().map(({ name }) => name),
    ['a2:2', 'b1:3'],
  );
  t.equal(queue.size, 0);
  t.equal(queue.next(), undefined);
});
