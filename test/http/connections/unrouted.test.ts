import t, { type Test } from 'tap';
import { type Answer, exchange } from '../../safety/connection.ts';
import { head, type ListeningApp, listen, problemOf } from '../../safety/listening.ts';

let app: ListeningApp;
/** Every operation of the document: its method, a path with ids, the statuses that it names, and whether it answers with a stream that does not end. */
let operations: { name: string; method: string; path: string; statuses: Set<number>; isStream: boolean }[];

const ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

t.before(async () => {
  app = await listen(t, { IDLE_TIMEOUT_MS: '1000' });
  const { paths } = (await app.send('GET', '/openapi.json')).json() as {
    paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>>;
  };
  operations = Object.entries(paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({
      name: `${method.toUpperCase()} ${template}`,
      method: method.toUpperCase(),
      path: template.replaceAll(/\{\w+\}/g, template.startsWith('/frames/') ? '1' : ID),
      statuses: new Set(Object.keys(responses).map(Number)),
      isStream: 'text/event-stream' in (responses['200']?.content ?? {}),
    })),
  );
});

/** What every answer has, whoever gives it. */
function isWholeProblem(t: Test, answer: Answer, status: number, code: string, name: string) {
  const problem = problemOf(answer);
  t.strictSame([answer.status, problem?.code], [status, code], `${name}: ${answer.body}`);
  t.match(
    answer.headers,
    {
      date: / GMT$/,
      'cache-control': 'no-store',
      'content-security-policy': /default-src 'none'/,
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'x-request-id': /^[\w-]{8,}$/,
    },
    name,
  );
}

const CASES: [
  name: string,
  status: number,
  code: string,
  request: (method: string, path: string) => string,
][] = [
  [
    'headers of 20 kB',
    431,
    'headers_too_large',
    (method, path) => head(method, path, { 'x-long': 'x'.repeat(20_000) }),
  ],
  [
    'a query of 20 kB',
    431,
    'headers_too_large',
    (method, path) => head(method, `${path}?${'q'.repeat(20_000)}`),
  ],
  [
    'an unknown Expect',
    417,
    'expectation_failed',
    (method, path) => head(method, path, { expect: '200-ok' }),
  ],
  [
    'a host that is not served',
    403,
    'host_not_allowed',
    (method, path) => head(method, path, { host: 'evil.example' }),
  ],
  [
    'HTTP/9.9',
    400,
    'malformed_request',
    (method, path) => `${method} ${path} HTTP/9.9\r\nhost: 127.0.0.1\r\n\r\n`,
  ],
  ['no Host', 400, 'malformed_request', (method, path) => `${method} ${path} HTTP/1.1\r\n\r\n`],
  [
    'an unknown transfer coding',
    400,
    'malformed_request',
    (method, path) => head(method, path, { 'transfer-encoding': 'gzip' }),
  ],
  [
    'headers that never end',
    408,
    'request_timeout',
    (method, path) => `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n`,
  ],
];

for (const [name, status, code, request] of CASES) {
  t.test(
    `${name}: a documented ${status} of every operation, with the headers of every answer`,
    async (t) => {
      await Promise.all(
        operations.map(async ({ name: operation, method, path, statuses }) => {
          const answer = await exchange(app.port, request(method, path));
          if (code === 'host_not_allowed' && answer.status === 200) {
            t.ok(path.startsWith('/health/'), `${operation} answers for any host`);
            return;
          }
          isWholeProblem(t, answer, status, code, operation);
          t.ok(statuses.has(status), `${operation} documents it`);
        }),
      );
    },
  );
}

t.test('a path that cannot be decoded', async (t) => {
  const answer = await exchange(app.port, head('GET', '/images/%zz'));
  isWholeProblem(t, answer, 400, 'malformed_request', '/images/%zz');
});

t.test('a HEAD that is answered before it is routed has no body', async (t) => {
  const answer = await exchange(app.port, head('HEAD', '/images', { expect: 'x' }), { halfClose: true });
  t.strictSame([answer.status, answer.body.length], [417, 0]);
});

for (const [type, body] of [
  ['application/json', ''],
  ['application/json', '{"a": 1}'],
  ['text/plain', 'words'],
  ['multipart/form-data; boundary=x', 'x'.repeat(2_000_000)],
] as const) {
  t.test(`${body.length} bytes as ${type} of any operation: a documented status`, async (t) => {
    for (const { name, method, path, statuses, isStream } of operations) {
      const headers = { 'content-type': type, 'content-length': body.length };
      const answer = await exchange(app.port, [head(method, path, headers), body], { headOnly: isStream });
      t.ok(statuses.has(answer.status), `${name}: ${answer.status}`);
      const found = path.includes(ID) ? 404 : 204;
      if (method === 'DELETE') t.equal(answer.status, found, 'the body of a deletion is ignored');
    }
  });
}
