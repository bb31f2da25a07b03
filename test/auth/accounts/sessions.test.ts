import { createHash, createHmac } from 'node:crypto';
import t from 'tap';
import { AccessTokens } from '../../../src/auth/tokens/access-tokens.ts';
import { KeyRing } from '../../../src/auth/tokens/key-ring.ts';
import { setupToken } from '../../../src/auth/tokens/setup-token.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ADA, ADMIN, bearer, ok, openAccounts, SECRET, type Tokens } from './support.ts';

const accounts = await openAccounts(t);
const { app, services, send } = accounts.test;
const { pool } = services.database;
const { id: adaId, admin } = await accounts.createAda();

t.beforeEach(() => pool.query('DELETE FROM log_in_attempts'));

const sessionsOf = async (userId: string): Promise<number> =>
  (await pool.query('SELECT FROM sessions WHERE user_id = $1', [userId])).rowCount ?? 0;

const ageRotation = (seconds: number) =>
  pool.query('UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => $2) WHERE user_id = $1', [
    adaId,
    seconds,
  ]);

t.test('20 refreshes at once are one family, and all get the same successor', async (t) => {
  const { refresh_token: first } = await accounts.logIn(ADA);
  const before = await sessionsOf(adaId);
  const answers = await Promise.all(Array.from({ length: 20 }, () => accounts.refresh(first)));
  const tokens = answers.map((answer) => ok<Tokens>(answer));
  t.equal(new Set(tokens.map(({ refresh_token: token }) => token)).size, 1);
  t.not(tokens[0]?.refresh_token, first);
  t.equal(await sessionsOf(adaId), before);
  for (const { access_token: token } of tokens) t.equal(await accounts.statusOf(token), 200);
  await ageRotation(19);
  t.equal(
    ok<Tokens>(await accounts.refresh(first)).refresh_token,
    tokens[0]?.refresh_token,
    'the other tab, 19 s later',
  );
});

t.test('a replay after 25 s ends the family, with its access tokens', async (t) => {
  const login = await accounts.logIn(ADA);
  const next = ok<Tokens>(await accounts.refresh(login.refresh_token));
  for (const { access_token: token } of [login, next]) t.equal(await accounts.statusOf(token), 200);
  await ageRotation(25);
  const replay = await accounts.refresh(login.refresh_token);
  t.match(replay, { statusCode: 401 });
  t.match(replay.json(), { code: 'invalid_credential' });
  for (const { access_token: token } of [login, next]) t.equal(await accounts.statusOf(token), 401);
  t.equal((await accounts.refresh(next.refresh_token)).statusCode, 401, 'the successor');
});

t.test('a token of two generations ago ends the family at once', async (t) => {
  const first = await accounts.logIn(ADA);
  const second = ok<Tokens>(await accounts.refresh(first.refresh_token));
  const third = ok<Tokens>(await accounts.refresh(second.refresh_token));
  t.equal((await accounts.refresh(first.refresh_token)).statusCode, 401);
  t.equal((await accounts.refresh(third.refresh_token)).statusCode, 401);
  t.equal(await accounts.statusOf(third.access_token), 401);
});

t.test('a session ends if it is idle, and after its absolute life', async (t) => {
  const idle = await accounts.logIn(ADA);
  t.equal(await accounts.statusOf(idle.access_token), 200);
  await ageRotation(15 * 24 * 3600);
  t.equal((await accounts.refresh(idle.refresh_token)).statusCode, 401);
  t.equal(await accounts.statusOf(idle.access_token), 401);

  const old = await accounts.logIn(ADA);
  await pool.query('UPDATE sessions SET expires_at = now() WHERE user_id = $1', [adaId]);
  await services.database.changes.caughtUp();
  t.equal(await accounts.statusOf(old.access_token), 401);
  t.equal((await accounts.refresh(old.refresh_token)).statusCode, 401);
});

t.test('an access token is not used after the end of its session, also if it is cached', async (t) => {
  for (const end of [
    "expires_at = now() + interval '0.5 s'",
    "rotated_at = now() - make_interval(days => 14) + interval '0.5 s'",
  ]) {
    const { access_token: token } = await accounts.logIn(ADA);
    await pool.query(`UPDATE sessions SET ${end} WHERE user_id = $1`, [adaId]);
    await services.database.changes.caughtUp();
    const start = performance.now();
    let status = 200;
    while (status === 200 && performance.now() - start < 5_000) status = await accounts.statusOf(token);
    t.equal(status, 401, end);
  }
});

t.test('a disabled or deleted user has no sessions', async (t) => {
  const grace = { email: 'grace@example.org', password: 'copper-lantern-orbit-31' };
  const asAdmin = bearer(admin.access_token);
  const { id } = ok<{ id: string }>(await send('POST', '/users', grace, asAdmin));
  const before = await accounts.logIn(grace);
  t.equal(await accounts.statusOf(before.access_token), 200);
  t.equal((await send('PATCH', `/users/${id}`, { disabled: true }, asAdmin)).statusCode, 200);
  const isRefused = async (tokens: Tokens) => {
    t.equal(await accounts.statusOf(tokens.access_token), 401);
    t.equal((await accounts.refresh(tokens.refresh_token)).statusCode, 401);
    t.match((await accounts.form({ username: grace.email, password: grace.password })).json(), {
      code: 'log_in_failed',
    });
  };
  await isRefused(before);
  await send('PATCH', `/users/${id}`, { disabled: false }, asAdmin);
  const after = await accounts.logIn(grace);
  t.equal(await accounts.statusOf(before.access_token), 401, 'enabled again, but the session has ended');
  t.equal((await send('DELETE', `/users/${id}`, undefined, asAdmin)).statusCode, 204);
  await isRefused(after);
});

t.test('log out ends this session, log out everywhere all of them', async (t) => {
  const [first, second, third] = [
    await accounts.logIn(ADA),
    await accounts.logIn(ADA),
    await accounts.logIn(ADA),
  ];
  const out = await send('POST', '/auth/log-out', undefined, bearer(first.access_token));
  t.equal(out.statusCode, 204);
  t.equal(await accounts.statusOf(first.access_token), 401);
  t.equal((await accounts.refresh(first.refresh_token)).statusCode, 401);
  t.equal(await accounts.statusOf(second.access_token), 200);
  t.equal((await send('DELETE', '/auth/sessions', undefined, bearer(second.access_token))).statusCode, 204);
  for (const { access_token: token } of [second, third]) t.equal(await accounts.statusOf(token), 401);
  t.equal(await accounts.statusOf(admin.access_token), 200, 'other users stay');
});

t.test('one session ends another one of the same user, and none of others', async (t) => {
  const [mine, phone] = [await accounts.logIn(ADA), await accounts.logIn(ADA)];
  const list = ok<{ items: { id: string; current: boolean }[] }>(
    await send('GET', '/auth/sessions', undefined, bearer(phone.access_token)),
  );
  const phoneId = list.items.find(({ current }) => current)?.id;
  const end = (token: string) => send('DELETE', `/auth/sessions/${phoneId}`, undefined, bearer(token));
  t.equal((await end(admin.access_token)).statusCode, 404, 'the session of somebody else');
  t.equal(await accounts.statusOf(phone.access_token), 200);
  t.equal((await end(mine.access_token)).statusCode, 204);
  t.equal(await accounts.statusOf(phone.access_token), 401);
  t.equal(await accounts.statusOf(mine.access_token), 200);
});

t.test('a new password ends the other sessions only', async (t) => {
  const eve = { email: 'eve@example.org', password: 'velvet-anchor-ridge-77' };
  ok(await send('POST', '/users', eve, bearer(admin.access_token)));
  const [here, elsewhere] = [await accounts.logIn(eve), await accounts.logIn(eve)];
  const change = await send(
    'POST',
    '/users/me/password',
    { current_password: eve.password, new_password: 'silver-meadow-train-52' },
    bearer(here.access_token),
  );
  t.equal(change.statusCode, 204);
  t.equal(await accounts.statusOf(here.access_token), 200);
  t.equal((await accounts.refresh(here.refresh_token)).statusCode, 200);
  t.equal(await accounts.statusOf(elsewhere.access_token), 401);
  t.equal((await accounts.refresh(elsewhere.refresh_token)).statusCode, 401);
  t.equal((await accounts.form({ username: eve.email, password: eve.password })).statusCode, 401);
});

t.test('a log-in that is being checked while the password changes does not begin a session', async (t) => {
  const { accounts: ours, users, hasher } = services.auth;
  const mallory = { email: 'mallory@example.org', password: 'marble-falcon-dune-18' };
  const { id } = ok<{ id: string }>(await send('POST', '/users', mallory, bearer(admin.access_token)));
  const account = await users.findAccount(mallory.email);
  await users.update(id, { passwordHash: await hasher.hash('another-quiet-morning-3') });
  if (account === undefined) throw new Error('There is no account.');
  await t.rejects(ours.sessions.create(account, ['images:read'], ''), { code: 'log_in_failed' });
  t.equal(await sessionsOf(id), 0);
});

t.test('a session can be limited to scopes that the user has', async (t) => {
  const narrow = await accounts.logIn(ADA, { scope: 'images:read  jobs:read images:read' });
  t.equal(narrow.scope, 'images:read jobs:read');
  const as = bearer(narrow.access_token);
  t.equal((await send('GET', '/images', undefined, as)).statusCode, 200);
  t.equal((await send('GET', '/frames', undefined, as)).statusCode, 403);
  const next = ok<Tokens>(await accounts.refresh(narrow.refresh_token));
  t.equal(next.scope, 'images:read jobs:read', 'also after a refresh');
  const key = await send('POST', '/api-keys', { name: 'wide', preset: 'read_write' }, as);
  t.equal(key.statusCode, 403, 'it makes no key with more');

  const claim = { username: ADA.email, password: ADA.password };
  const unknown = await accounts.form({ ...claim, scope: 'images:read everything' });
  t.equal(unknown.statusCode, 422);
  t.match(unknown.json(), { code: 'validation_failed', errors: [{ path: '/scope' }] });
  const beyond = await accounts.form({ ...claim, scope: 'admin' });
  t.equal(beyond.statusCode, 403);
  t.match(beyond.json(), { code: 'insufficient_scope' });
  t.equal((await accounts.form({ ...claim, password: 'wrong', scope: 'admin' })).statusCode, 401);
  t.equal((await accounts.logIn(ADMIN, { scope: 'admin' })).scope, 'admin');
});

t.test('what OAuth clients send is accepted as FastAPI accepts it', async (t) => {
  const claim = { username: ADA.email, password: ADA.password };
  const empty = { scope: '', client_id: '', client_secret: '' };
  const forms: [name: string, fields: Record<string, string>, headers?: Record<string, string>][] = [
    ['no grant_type', claim],
    ['an empty grant_type', { ...claim, grant_type: '' }],
    ['all fields of the form', { ...claim, grant_type: 'password', ...empty }],
    ['a client', { ...claim, grant_type: 'password', client_id: 'web', client_secret: 'nothing' }],
    [
      'a Basic header of an empty client, as Swagger UI sends it',
      { ...claim, grant_type: 'password' },
      { authorization: `Basic ${btoa(':')}`, 'x-requested-with': 'XMLHttpRequest' },
    ],
    [
      'a content type with a charset',
      claim,
      { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' },
    ],
    ['an address in capitals', { ...claim, username: ' ADA@Example.org ' }],
  ];
  for (const [name, fields, headers] of forms) {
    const answer = await accounts.form(fields, headers);
    t.equal(answer.statusCode, 200, `${name}: ${answer.body.slice(0, 200)}`);
    t.match(answer.json(), { token_type: 'bearer', expires_in: 900 });
    t.equal(answer.headers['cache-control'], 'no-store');
  }
});

t.test('other forms are refused, and say why', async (t) => {
  const { email, password } = ADA;
  const fields = `username=${encodeURIComponent(email)}&password=${password}`;
  const refused: [name: string, body: string, status: number, headers?: Record<string, string>][] = [
    ['a password twice', `${fields}&password=${password}`, 422],
    ['a user name twice', `${fields}&username=eve`, 422],
    ['no password', `username=${encodeURIComponent(email)}`, 422],
    ['no user name', `password=${password}`, 422],
    ['nothing', '', 422],
    ['a refresh without a token', 'grant_type=refresh_token', 422],
    ['another grant', `${fields}&grant_type=client_credentials`, 422],
    ['a field of a user', `${fields}&role=admin`, 422],
    ['__proto__', `${fields}&__proto__=x`, 422],
    ['JSON', JSON.stringify({ username: email, password }), 415, { 'content-type': 'application/json' }],
    ['text', fields, 415, { 'content-type': 'text/plain' }],
    ['multipart', '--x\r\n\r\n--x--\r\n', 415, { 'content-type': 'multipart/form-data; boundary=x' }],
    ['a password of 1,025 characters', `username=a@b.c&password=${'x'.repeat(1025)}`, 422],
    ['256 characters', `username=${encodeURIComponent(email)}&password=${'x'.repeat(256)}`, 401],
    ['an empty password', `username=${encodeURIComponent(email)}&password=`, 401],
    ['a null character', `username=a%00b&password=${password}`, 422],
    ['a null character in the password', `username=a&password=${password}%00`, 422],
    ['half a surrogate pair', `username=%ED%A0%80&password=%ED%A0%80`, 401],
  ];
  for (const [name, body, status, headers] of refused) {
    const answer = await accounts.form(body, headers);
    t.equal(answer.statusCode, status, `${name}: ${answer.body.slice(0, 300)}`);
    t.notOk(answer.body.includes(password), `${name}: the password is not repeated`);
  }
});

t.test('sessions outlive a change of SECRET, if the old one is named', async (t) => {
  const { url } = await createTestDatabase(t);
  const before = await openAccounts(t, { DATABASE_URL: url });
  const tokens = await before.logIn(ADMIN);
  const other = { DATABASE_URL: url, SECRET: 'another secret for tests of accounts as long as that' };
  const rotated = await openAccounts(t, { ...other, PREVIOUS_SECRETS: SECRET });
  t.equal(await rotated.statusOf(tokens.access_token), 200);
  const next = ok<Tokens>(await rotated.refresh(tokens.refresh_token));
  const again = ok<Tokens>(await rotated.refresh(tokens.refresh_token));
  t.equal(again.refresh_token, next.refresh_token, 'two tabs during the change');
  const later = await openAccounts(t, other);
  t.equal(await later.statusOf(tokens.access_token), 401, 'signed with the old secret');
  t.equal((await later.refresh(tokens.refresh_token)).statusCode, 401);
  t.equal((await later.refresh(next.refresh_token)).statusCode, 200);
});

t.test('no other token is an access token', async (t) => {
  const login = await accounts.logIn(ADA);
  const keys = new KeyRing([SECRET]);
  const key = ok<{ key: string }>(
    await send('POST', '/api-keys', { name: 'k', scopes: ['images:read'] }, bearer(login.access_token)),
  ).key;
  const [head = '', payload = '', signature = ''] = login.access_token.split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  const write = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = read(head);
  const claims = read(payload);
  const { x } = keys.signingKey.publicKey.export({ format: 'jwk' });
  const pem = keys.signingKey.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const hs256 = (secret: string | Buffer) => {
    const content = `${write({ ...header, alg: 'HS256' })}.${payload}`;
    return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
  };
  const signed = async ({
    issuer = 'coreframe',
    secret = SECRET,
    age = 0,
  }: {
    issuer?: string;
    secret?: string;
    age?: number;
  }) => {
    const tokens = new AccessTokens(new KeyRing([secret]), { issuer, seconds: 900 });
    const owner = { userId: claims.sub, sessionId: claims.sid, scopes: ['images:read' as const] };
    return (await tokens.sign(owner, new Date(Date.now() - age * 1000))).token;
  };
  const changed = (changes: object) => `${write({ ...header, ...changes })}.${payload}.${signature}`;
  const tokens: Record<string, string> = {
    'alg none': `${write({ ...header, alg: 'none' })}.${payload}.`,
    'alg none with the signature': changed({ alg: 'none' }),
    'HS256 with the public key as PEM': hs256(pem),
    'HS256 with the public key as bytes': hs256(Buffer.from(x ?? '', 'base64url')),
    'a path as kid': changed({ kid: '../../../../dev/null' }),
    jku: changed({ jku: 'http://127.0.0.1:1/keys' }),
    'another typ': changed({ typ: 'JWT' }),
    'another issuer and audience': await signed({ issuer: 'https://images.example.org' }),
    'another secret': await signed({ secret: 'another secret for tests of accounts as long as that' }),
    'expired by more than the skew': await signed({ age: 900 + 6 }),
    'from the future': await signed({ age: -60 }),
    'other claims': `${head}.${write({ ...claims, scope: 'admin' })}.${signature}`,
    'another last character': login.access_token.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')),
    'two tokens': `${login.access_token}.${login.access_token}`,
    'a refresh token': login.refresh_token,
    'a set-up token': setupToken(keys),
    'the hash of a key': createHash('sha256').update(key).digest('hex'),
    'a key with a wrong checksum': key.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
    'a password': ADA.password,
    '10 kB': 'x'.repeat(10_000),
  };
  t.equal(await accounts.statusOf(await signed({ age: 899 })), 200, 'signed in the same way, but valid');
  const routes = [
    ['GET', '/images'],
    ['GET', '/users/me'],
    ['POST', '/auth/log-out'],
    ['GET', '/users'],
    ['GET', '/metrics'],
  ] as const;
  for (const [name, token] of Object.entries(tokens)) {
    for (const [method, url] of routes) {
      for (const headers of [bearer(token), { 'x-api-key': token }]) {
        const answer = await send(method, url, undefined, headers);
        t.equal(answer.statusCode, 401, `${name} for ${method} ${url}`);
        t.match(answer.headers['www-authenticate'], /error="invalid_token"/);
        if (token.length > 10) t.notOk(answer.body.includes(token), `${name} is not repeated`);
      }
    }
  }
  // One type in the place of another.
  for (const [token, status] of [
    [login.access_token, 422],
    [login.refresh_token, 401],
    [key, 401],
    [setupToken(keys), 409],
    [ADA.password, 401],
  ] as const) {
    if (token !== login.refresh_token) t.equal((await accounts.refresh(token)).statusCode, 401);
    const setup = { setup_token: token, email: 'new@example.org', password: 'copper-lantern-orbit-31' };
    const answer = await send('POST', '/auth/setup', setup);
    t.equal(answer.statusCode, status);
    t.notOk(answer.body.includes(token));
  }
  const asPassword = await accounts.form({ username: ADA.email, password: login.access_token });
  t.equal(asPassword.statusCode, 401);
});

t.test('headers of 100 kB are refused by the server', async (t) => {
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const answer = await fetch(`${url}/images`, { headers: bearer('x'.repeat(100_000)) });
  t.equal(answer.status, 431);
  await answer.body?.cancel();
});
