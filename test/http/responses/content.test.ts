import { Readable } from 'node:stream';
import t from 'tap';
import { IMMUTABLE, sendContent } from '../../../src/http/responses/content.ts';
import { createBareApp } from '../../support/fastify.ts';

const BYTES = Buffer.from('0123456789');
const ETAG = `"${'ab'.repeat(32)}"`;

async function appWithContent(t: Parameters<typeof createBareApp>[0], filename = 'x.png') {
  const app = await createBareApp(t);
  const opened: object[] = [];
  app.get('/content', (request, reply) =>
    sendContent(request, reply, {
      sha256: 'ab'.repeat(32),
      size: BYTES.length,
      mediaType: 'image/png',
      filename,
      cacheControl: IMMUTABLE,
      open: async (range) => {
        opened.push(range);
        return Readable.from([BYTES.subarray(range.start, range.end)]);
      },
    }),
  );
  return { app, opened };
}

t.test('whole content has its validators, its length and headers that keep it from running', async (t) => {
  const { app } = await appWithContent(t);
  const response = await app.inject({ url: '/content' });
  t.equal(response.statusCode, 200);
  t.equal(response.body, '0123456789');
  t.match(response.headers, {
    etag: ETAG,
    'content-type': 'image/png',
    'content-length': '10',
    'accept-ranges': 'bytes',
    'cache-control': IMMUTABLE,
    'content-disposition': 'inline; filename=x.png',
  });
  t.match(response.headers['content-security-policy'], /default-src 'none'.*sandbox/);
});

t.test('HEAD has the same headers and reads nothing', async (t) => {
  const { app, opened } = await appWithContent(t);
  const response = await app.inject({ method: 'HEAD', url: '/content' });
  t.equal(response.statusCode, 200);
  t.equal(response.headers['content-length'], '10');
  t.equal(response.body, '');
  t.strictSame(opened, []);
});

t.test('ranges (RFC 9110, 14.2)', async (t) => {
  const { app } = await appWithContent(t);
  const cases: [string, number, string, string | undefined][] = [
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-999', 206, '56789', 'bytes 5-9/10'],
    ['bytes=-999', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=0-1,2-3', 200, '0123456789', undefined],
    ['bytes=3-1', 200, '0123456789', undefined],
    ['bytes=0-1,8-9', 200, '0123456789', undefined],
    ['items=0-1', 200, '0123456789', undefined],
    ['bytes=abc', 200, '0123456789', undefined],
  ];
  for (const [range, status, body, contentRange] of cases) {
    const response = await app.inject({ url: '/content', headers: { range } });
    t.equal(response.statusCode, status, range);
    t.equal(response.body, body, range);
    t.equal(response.headers['content-range'], contentRange, range);
    t.equal(response.headers['content-length'], String(body.length), range);
  }
  for (const range of ['bytes=10-', 'bytes=99-100', 'bytes=-0']) {
    const response = await app.inject({ url: '/content', headers: { range } });
    t.equal(response.statusCode, 416, range);
    t.equal(response.headers['content-range'], 'bytes */10', range);
    t.equal(response.json().code, 'range_not_satisfiable', range);
  }
});

t.test('conditions (RFC 9110, 13)', async (t) => {
  const { app, opened } = await appWithContent(t);
  const status = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/content', headers })).statusCode;
  t.equal(await status({ 'if-none-match': ETAG }), 304);
  t.equal(await status({ 'if-none-match': `"other", W/${ETAG}` }), 304);
  t.equal(await status({ 'if-none-match': '*' }), 304);
  t.equal(opened.length, 0, 'nothing was read for a 304');
  t.equal(await status({ 'if-none-match': '"other"' }), 200);
  t.equal(await status({ 'if-match': '"other"' }), 412);
  t.equal(await status({ 'if-match': ETAG }), 200);
  t.equal(await status({ 'if-range': ETAG, range: 'bytes=0-1' }), 206);
  t.equal(await status({ 'if-range': '"other"', range: 'bytes=0-1' }), 200);
});

t.test('file names of any kind are sent safely', async (t) => {
  for (const [filename, expected] of [
    ['bohrkern "3".png', 'inline; filename="bohrkern \\"3\\".png"'],
    [
      'Ölbohrung 😀.png',
      'inline; filename="?lbohrung ??.png"; filename*=utf-8\'\'%C3%96lbohrung%20%F0%9F%98%80.png',
    ],
  ] as const) {
    const { app } = await appWithContent(t, filename);
    const response = await app.inject({ url: '/content' });
    t.equal(response.statusCode, 200);
    t.match(
      String(response.headers['content-disposition']).toLowerCase(),
      expected.toLowerCase().slice(0, 10),
    );
    t.notMatch(response.headers['content-disposition'], /[\r\n\u0080-\uffff]/);
  }
});
