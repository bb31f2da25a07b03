import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import t from 'tap';
import { createRandom } from '../../frames/support.ts';
import { createProtectedApp, type ProtectedApp } from './tenant.ts';

let served: ProtectedApp;
let port: number;
let token: string;
let key: string;

t.before(async () => {
  served = await createProtectedApp(t);
  await served.app.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = served.app.server.address() as AddressInfo);
  [, token = ''] = String(served.admin.session.authorization).split(' ');
  key = (await served.createKey(served.admin.session, ['images:read'])).headers['x-api-key'] ?? '';
});

/** The status of the answer to a request with these lines in its head, byte for byte (`latin1`). */
async function statusOf(lines: readonly string[], path = '/images'): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(20_000, () => socket.destroy());
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  // The server may close the connection before it has read all.
  socket.on('error', () => undefined);
  const head = [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...lines].join('\r\n');
  socket.write(Buffer.from(`${head}\r\n\r\n`, 'latin1'));
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
}

t.test(
  'a credential is accepted in either header, in each form that RFC 6750 and RFC 9110 allow',
  async (t) => {
    for (const line of [
      `Authorization: Bearer ${token}`,
      `authorization: bearer ${token}`,
      `AUTHORIZATION: BEARER   ${token}  `,
      `Authorization:Bearer ${token}`,
      `Authorization:\tBearer ${token}\t`,
      `Authorization: Bearer ${key}`,
      `X-API-Key: ${key}`,
      `x-api-key:${key} `,
    ])
      t.equal(await statusOf([line]), 200, JSON.stringify(line.slice(0, 30)));
  },
);

t.test('every other form is refused, and none is a failure of the server', async (t) => {
  const refused: [status: number, ...lines: string[]][] = [
    [401],
    [401, 'Authorization:'],
    [401, 'Authorization:    '],
    [401, 'Authorization: Bearer'],
    [401, 'Authorization: Bearer '],
    [401, `Authorization: Bearer\t${token}`],
    [401, `Authorization: Bearer${token}`],
    [401, `Authorization: Bearer=${token}`],
    [401, `Authorization: Bearer: ${token}`],
    [401, `Authorization: Bearer "${token}"`],
    [401, `Authorization: Bearer ${token},`],
    [401, `Authorization: Bearer ${token}, Bearer ${token}`],
    [401, `Authorization: Bearer ${token} ${token}`],
    [401, `Authorization: Bearer Bearer ${token}`],
    [401, `Authorization: Bearer ${token}=`],
    [401, `Authorization: Bearer ${encodeURIComponent(`${token}+`)}`],
    [401, `Authorization: Bearer ${token.toUpperCase()}`],
    [401, `Authorization: Bearer ${key.slice(0, -1)}`],
    [401, `Authorization: Bearer ${key}0`],
    [401, `Authorization: ${token}`],
    [401, `Authorization: Basic ${Buffer.from(`${served.admin.email}:x`).toString('base64')}`],
    [401, 'Authorization: Digest username="a", realm="b", nonce="c", uri="/", response="d"'],
    [401, 'Authorization: Negotiate YIIJ'],
    [401, `Authorization: Token ${key}`],
    [401, `Authorization: ApiKey ${key}`],
    [401, 'Authorization: Bearer null'],
    [401, 'Authorization: Bearer undefined'],
    [401, 'Authorization: Bearer [object Object]'],
    [401, 'Authorization: Bearer ..'],
    [401, 'Authorization: Bearer \x80\xff\xfe'],
    [401, `Authorization: Bearer ${Buffer.from('ключ🔑').toString('latin1')}`],
    [401, `Authorization: Bearer ${'a'.repeat(15_000)}`],
    [401, `Authorization: Bearer a${' '.repeat(15_000)}b`],
    [401, `Authorization: Bearer ${'.'.repeat(15_000)}`],
    [401, 'X-API-Key:'],
    [401, 'X-API-Key:   \t '],
    [401, `X-API-Key: Bearer ${key}`],
    // An access token belongs into Authorization.
    [401, `X-API-Key: ${token}`],
    [401, `X-API-Key: ${key}, ${key}`],
    [401, `X-API-Key: ${key} ${key}`],
    [401, `X-API-Key: ${key.toLowerCase()}`],
    [401, 'X-API-Key: cfk_'],
    [401, 'X-API-Key: \x80\xff\xfe'],
    [401, `Cookie: access_token=${token}; api_key=${key}`],
    [401, `Proxy-Authorization: Bearer ${token}`],
    [400, `Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`],
    [400, 'Authorization: Basic eA==', `Authorization: Bearer ${token}`],
    [400, `X-API-Key: ${key}`, `X-Api-Key: ${key}`],
    [400, `Authorization: Bearer ${token}`, `X-API-Key: ${key}`],
    [400, 'Authorization: Bearer x', 'X-API-Key:'],
    [400, 'Authorization: Bearer a\0b'],
    [400, 'X-API-Key: cfk_\0'],
    [400, 'Authorization: Bearer a\rb'],
    [400, 'Authorization: Bearer a\x01b'],
    [400, 'Authorization : Bearer a'],
    [431, `Authorization: Bearer ${'a'.repeat(100_000)}`],
    [431, `X-API-Key: cfk_${'0'.repeat(100_000)}`],
  ];
  for (const [status, ...lines] of refused)
    t.equal(await statusOf(lines), status, JSON.stringify(lines.map((line) => line.slice(0, 60))));
  t.equal(
    await statusOf([], `/images?access_token=${token}&api_key=${key}`),
    401,
    'a query holds no credential',
  );
});

t.test('random bytes in credentials are refused', async (t) => {
  const random = createRandom(1);
  const scheme = () =>
    random.pick([
      '',
      'Bearer ',
      'bearer ',
      'Bearer  ',
      'Basic ',
      'Bearer\t',
      'Bearer,',
      'Bearer cfk_',
      'cfk_',
    ]);
  const seen = new Map<number, number>();
  for (let round = 0; round < 400; round += 1) {
    const bytes = Array.from({ length: random.below(300) }, () => {
      const byte = random.chance(0.8) ? 33 + random.below(94) : random.below(256);
      return byte === 10 || byte === 13 ? 32 : byte;
    });
    // A good credential with some of its bytes changed.
    const good = [...Buffer.from(random.pick([token, key]))];
    const mutated = good
      .map((byte) => (random.chance(0.01) ? random.below(256) : byte))
      .filter((byte) => byte !== 10 && byte !== 13);
    const isSame = Buffer.from(mutated).equals(Buffer.from(good));
    const value = Buffer.from(random.chance(0.5) || isSame ? bytes : mutated).toString('latin1');
    const name = random.pick(['Authorization', 'X-API-Key']);
    const status = await statusOf([`${name}: ${scheme()}${value}`]);
    seen.set(status, (seen.get(status) ?? 0) + 1);
    if (status !== 400 && status !== 401) t.fail(`${status} for ${name}: ${JSON.stringify(value)}`);
  }
  t.ok((seen.get(401) ?? 0) > 20 && (seen.get(400) ?? 0) > 20, `both kinds: ${JSON.stringify([...seen])}`);
  t.equal(await statusOf([`X-API-Key: ${key}`]), 200, 'the server still answers');
});

t.test('public operations do not read credentials', async (t) => {
  for (const lines of [
    ['Authorization: Bearer wrong'],
    ['X-API-Key: wrong'],
    ['Authorization: Bearer wrong', 'X-API-Key: wrong'],
  ])
    t.equal(await statusOf(lines, '/health/live'), 200);
});
