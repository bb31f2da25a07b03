import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { exchange, openConnection } from '../../safety/connection.ts';
import { head, listen } from '../../safety/listening.ts';
import { eventually } from '../../safety/processes.ts';

interface Line {
  msg: string;
  request_id?: string;
  client?: string;
  method?: string;
  path?: string;
  status?: number;
  code?: string;
  ms?: number;
}

const logLines: string[] = [];
const { port } = await listen(t, { IDLE_TIMEOUT_MS: '1000', TRUSTED_PROXIES: '127.0.0.1' }, { logLines });

/** The lines about requests that are written while something happens, once there are as many as expected. */
async function linesOf(count: number, happens: () => Promise<unknown>): Promise<Line[]> {
  logLines.length = 0;
  await happens();
  const parse = (): Line[] =>
    logLines.map((line) => JSON.parse(line)).filter(({ msg }) => /^request( abandoned|$)/.test(msg));
  await eventually(() => parse().length >= count);
  await sleep(50);
  return parse();
}

t.test('a request is logged with the client’s address, and without its query', async (t) => {
  const lines = await linesOf(1, () =>
    exchange(port, head('GET', '/images?limit=3', { 'x-request-id': 'my-request-1' })),
  );
  t.match(lines, [
    {
      request_id: 'my-request-1',
      client: '127.0.0.1',
      method: 'GET',
      path: '/images',
      status: 200,
      ms: Number,
    },
  ]);
  t.notOk('code' in (lines[0] ?? {}));
  t.equal(lines.length, 1);
});

t.test('a problem is logged with its code', async (t) => {
  const lines = await linesOf(3, async () => {
    await exchange(port, head('GET', '/images?limit=0'));
    await exchange(port, head('GET', '/nowhere?secret=1'));
    await exchange(port, head('DELETE', '/colormaps'));
  });
  t.match(lines, [
    { path: '/images', status: 422, code: 'validation_failed' },
    { path: '/nowhere', status: 404, code: 'not_found' },
    { path: '/colormaps', status: 405, code: 'method_not_allowed' },
  ]);
});

t.test('the client is the one that a trusted proxy names', async (t) => {
  const lines = await linesOf(1, () =>
    exchange(port, head('GET', '/images', { 'x-forwarded-for': '203.0.113.9' })),
  );
  t.match(lines, [{ client: '203.0.113.9', status: 200 }]);
});

t.test('requests that no route handles are logged, too', async (t) => {
  const lines = await linesOf(4, async () => {
    await exchange(port, 'nonsense\r\n\r\n');
    await exchange(port, head('GET', '/images', { 'x-long': 'x'.repeat(20_000) }));
    await exchange(port, head('GET', '/images/%zz?secret=1'));
    await exchange(port, head('POST', '/images?secret=1', { expect: 'the-best' }));
  });
  t.match(lines, [
    { client: '127.0.0.1', status: 400, code: 'malformed_request' },
    { client: '127.0.0.1', status: 431, code: 'headers_too_large' },
    { client: '127.0.0.1', method: 'GET', path: '/images/%zz', status: 400, code: 'malformed_request' },
    { client: '127.0.0.1', method: 'POST', path: '/images', status: 417, code: 'expectation_failed' },
  ]);
  for (const { request_id: id } of lines) t.match(id, /^[\w-]{8,}$/);
});

t.test('a client that is too slow, and one that leaves', async (t) => {
  const upload = head('POST', '/images', {
    'content-type': 'multipart/form-data; boundary=b',
    'content-length': 1000,
  });
  const slow = await linesOf(1, () => exchange(port, upload));
  t.match(slow, [{ path: '/images', status: 408, code: 'request_timeout' }]);
  const left = await linesOf(1, async () => {
    const socket = await openConnection(port);
    socket.write(upload);
    await sleep(100);
    socket.resetAndDestroy();
  });
  t.match(left, [{ msg: 'request abandoned by its client', client: '127.0.0.1', path: '/images' }]);
  t.notOk('status' in (left[0] ?? {}));
});

t.test('a line is short, whatever is requested', async (t) => {
  const lines = await linesOf(1, () =>
    exchange(port, head('GET', `/${'x'.repeat(10_000)}`, { 'user-agent': 'y'.repeat(3_000) })),
  );
  t.equal(lines.length, 1);
  for (const line of logLines) t.ok(line.length < 1_500, `${line.length} characters`);
});
