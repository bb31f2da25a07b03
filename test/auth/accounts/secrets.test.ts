import Fastify from 'fastify';
import t from 'tap';
import { SecretWatch } from '../../support/secrets.ts';
import { ADA, bearer, ok, openAccounts, SECRET } from './support.ts';

t.test('a secret is found wherever a service writes it', async (t) => {
  const password = 'purple "tram" kitchen';
  const watch = new SecretWatch({ SECRET, PREVIOUS_SECRETS: 'an earlier secret, another earlier one' });
  const stop = watch.watchNewInstances();
  const app = Fastify();
  stop();
  t.teardown(() => app.close());
  app.post('/issue', async () => ({ access_token: 'a token that was issued' }));
  app.post('/fail', async ({ body }, reply) =>
    reply.code(400).type('application/problem+json').serializer(JSON.stringify).send({ detail: body }),
  );
  await app.inject({
    method: 'POST',
    url: '/issue',
    headers: { authorization: 'Bearer credential-of-a-client' },
  });
  watch.search('nothing', 'another text');
  t.doesNotThrow(() => watch.requireNone());

  await app.inject({ method: 'POST', url: '/fail', payload: { password } });
  watch.search('the log', `SECRET=${SECRET}; credential-of-a-client`);
  watch.search('the audit', JSON.stringify({ password, token: 'a token that was issued' }));
  watch.search('the metrics', 'another earlier one');
  const found = [
    'password in the problem of POST /fail',
    'SECRET in the log',
    'a credential in the log',
    'password in the audit',
    'access_token in the audit',
    'PREVIOUS_SECRETS in the metrics',
  ];
  for (const leak of found) t.throws(() => watch.requireNone(), new RegExp(leak), leak);
});

t.test('the log, the audit and the metrics of a service are searched', async (t) => {
  const accounts = await openAccounts(t);
  const { services } = accounts.test;
  const { id } = await accounts.createAda();
  const { rows } = await services.database.pool.query('SELECT password_hash FROM users WHERE id = $1', [id]);
  const hash: string = rows[0].password_hash;
  const clean = new SecretWatch({});
  await clean.searchService(services, '');
  t.doesNotThrow(() => clean.requireNone());
  const logged = new SecretWatch({});
  await logged.searchService(services, `compared ${hash}`);
  t.throws(() => logged.requireNone(), /hash of a password in the log/);
  const audited = new SecretWatch({ SECRET: 'created_user' });
  await audited.searchService(services, '');
  t.throws(() => audited.requireNone(), /SECRET in an audit event/);
  const measured = new SecretWatch({ SECRET: 'process_cpu_user_seconds' });
  await measured.searchService(services, '');
  t.throws(() => measured.requireNone(), /SECRET in the metrics/);
});

// That nothing is found is checked when the test ends.
t.test('requests with wrong bodies leave no secret behind', async (t) => {
  const accounts = await openAccounts(t, { REGISTRATION: 'open' });
  const { app, send, services } = accounts.test;
  await accounts.createAda();
  const as = bearer((await accounts.logIn(ADA)).access_token);
  const next = 'silver-meadow-train-52';
  const values: unknown[] = [`${next}\0`, 736_455_190_264_411, [next], { next }, next.repeat(60)];
  for (const value of values) {
    for (const [method, url, body] of [
      ['POST', '/users/me/password', { current_password: value, new_password: next }],
      ['POST', '/users/me/password', { current_password: ADA.password, new_password: value }],
      ['PATCH', '/users/me', { email: 'new@example.org', current_password: value }],
      ['POST', '/auth/sign-up', { email: 'new@example.org', password: value }],
      ['POST', '/auth/setup', { setup_token: value, email: 'new@example.org', password: next }],
    ] as const) {
      await services.database.pool.query('DELETE FROM log_in_attempts');
      const answer = await send(method, url, body, as);
      t.ok(answer.statusCode >= 400 && answer.statusCode < 500, `${method} ${url}: ${answer.statusCode}`);
      t.notOk(answer.body.includes('736455190264411') || answer.body.includes(next), answer.body);
    }
  }
  for (const payload of [
    `{"current_password": "${next}", "new_password": "${next}"`,
    `"${next}"`,
    `{"current_password": "${next}" "new_password"}`,
    `{"__proto__": {"current_password": "${next}"}}`,
  ]) {
    const headers = { ...as, 'content-type': 'application/json' };
    const answer = await app.inject({ method: 'POST', url: '/users/me/password', headers, payload });
    t.ok([400, 422].includes(answer.statusCode), answer.body);
    t.notOk(answer.body.includes(next));
  }
  const key = ok<{ key: string }>(
    await send('POST', '/api-keys', { name: 'k', preset: 'read_only' }, as),
  ).key;
  for (const url of [`/images?api_key=${key}`, `/images?access_token=${key}`, `/nothing?x-api-key=${key}`])
    t.ok((await send('GET', url, undefined, as)).statusCode >= 400);
  // A failure of the database is logged with what the driver knows of it.
  await services.database.pool.query('ALTER TABLE users RENAME COLUMN password_hash TO away');
  t.equal((await accounts.form({ username: ADA.email, password: ADA.password })).statusCode, 500);
  const signUp = await send('POST', '/auth/sign-up', { email: 'e@example.org', password: next });
  t.equal(signUp.statusCode, 500, signUp.body);
  await services.database.pool.query('ALTER TABLE users RENAME COLUMN away TO password_hash');
  await services.database.pool.query('ALTER TABLE api_keys RENAME COLUMN hash TO away');
  const broken = await send('GET', '/images', undefined, { 'x-api-key': key });
  t.equal(broken.statusCode, 500, broken.body);
  await services.database.pool.query('ALTER TABLE api_keys RENAME COLUMN away TO hash');
});
