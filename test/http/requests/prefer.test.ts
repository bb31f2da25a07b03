import type { FastifyRequest } from 'fastify';
import t from 'tap';
import { asyncPreference } from '../../../src/http/requests/prefer.ts';

const read = (prefer: string | undefined) =>
  asyncPreference({ headers: { prefer } } as Partial<FastifyRequest> as FastifyRequest);

t.test('a client prefers an answer before the work is done, and says how long it waits', async (t) => {
  const cases: [prefer: string, waitSeconds: number][] = [
    ['respond-async', 0],
    ['Respond-Async', 0],
    [' respond-async ', 0],
    ['respond-async=""', 0],
    ['respond-async=', 0],
    ['respond-async; note=1', 0],
    ['respond-async, wait=10', 10],
    ['wait=10,respond-async', 10],
    ['WAIT = 10 , respond-async', 10],
    ['respond-async, wait="10"', 10],
    ['respond-async, wait="1\\0"', 10],
    ['return=minimal; foo="a,b;c", respond-async, wait=7; x', 7],
    ['respond-async,, wait=3,', 3],
    ['respond-async, wait=0', 0],
    // The first one counts.
    ['respond-async, wait=4, wait=9', 4],
    ['respond-async, wait=3600', 60],
    ['respond-async, wait=99999999999999999999999', 60],
  ];
  for (const [prefer, waitSeconds] of cases) t.match(read(prefer), { waitSeconds }, prefer);
  t.equal(read('respond-async')?.applied, 'respond-async');
  t.equal(read('wait=3600, respond-async')?.applied, 'respond-async, wait=60', 'what was applied');
});

t.test('preferences are never errors: what is unknown or malformed is ignored', async (t) => {
  for (const prefer of ['-1', '1.5', '1e1', 'soon', '', '"', '"10', '١'])
    t.match(read(`respond-async, wait=${prefer}`), { waitSeconds: 0, applied: 'respond-async' }, prefer);
  const others = [
    undefined,
    '',
    'wait=10',
    'handling=strict',
    'respond-async=false',
    'respond-asynchronously',
    'foo="respond-async',
    'foo="a, respond-async"',
    'respond-async wait=10',
    '"respond-async"',
    '=respond-async',
    ',;=",\\',
  ];
  for (const prefer of others) t.equal(read(prefer), undefined, prefer ?? 'none');
});

t.test('a long header takes no time', async (t) => {
  const start = performance.now();
  for (const text of [' ', '"', '\\"', 'a=', ';', ','])
    read(`respond-async${text.repeat(20_000)}, x="${' '.repeat(20_000)}y z`);
  t.ok(performance.now() - start < 1000);
});
