import t from 'tap';
import { addKey, addPerson, askForToken, createAppWithAdmin, logIn, PASSWORD } from './people.ts';

t.test(
  'administrators change every field of a user, and users only their own name and address',
  async (t) => {
    const { testApp, admin } = await createAppWithAdmin(t);
    const ada = await addPerson(testApp, admin, 'ada@example.org', { name: 'Ada' });
    const changes = {
      name: 'Countess',
      email: 'Lovelace@Example.ORG',
      role: 'admin',
      storage_quota_bytes: 1000,
    };
    const changed = await admin.send('PATCH', `/users/${ada.id}`, changes);
    t.match(changed.json(), { ...changes, email: 'lovelace@example.org', disabled: false });
    t.match((await admin.send('GET', `/users/${ada.id}`)).json(), { name: 'Countess', role: 'admin' });
    const unlimited = await admin.send('PATCH', `/users/${ada.id}`, {
      storage_quota_bytes: null,
      role: 'user',
    });
    t.match(unlimited.json(), { storage_quota_bytes: null, role: 'user' });

    t.match((await ada.send('PATCH', '/users/me', { name: 'Ada again' })).json(), { name: 'Ada again' });
    const without = await ada.send('PATCH', '/users/me', { email: 'a@example.org' });
    t.match([without.statusCode, without.json().errors[0].path], [422, '/current_password']);
    const wrong = await ada.send('PATCH', '/users/me', { email: 'a@example.org', current_password: 'wrong' });
    t.match([wrong.statusCode, wrong.json().code], [401, 'log_in_failed']);
    const right = await ada.send('PATCH', '/users/me', {
      email: 'a@example.org',
      current_password: PASSWORD,
    });
    t.match([right.statusCode, right.json().email], [200, 'a@example.org']);
    t.equal((await askForToken(testApp.app, 'A@EXAMPLE.org')).statusCode, 200, 'case does not matter');

    const events = (await admin.send('GET', `/audit-events?user_id=${ada.id}&action=updated_user`)).json()
      .items;
    t.strictSame(
      events.map(({ details }: { details: { fields: string } }) => details.fields),
      ['storage_quota_bytes, role', 'name, email, role, storage_quota_bytes'],
    );
  },
);

t.test('one address belongs to one user, however it is written', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t, { REGISTRATION: 'open' });
  const ada = await addPerson(testApp, admin, 'ada@example.org');
  await addPerson(testApp, admin, 'bob@example.org');
  for (const email of ['ada@example.org', 'ADA@example.org', 'ada@EXAMPLE.ORG', 'Ada@Example.Org']) {
    const body = { email, password: PASSWORD };
    for (const answer of [
      await admin.send('POST', '/users', body),
      await testApp.send('POST', '/auth/sign-up', body),
    ]) {
      t.match([answer.statusCode, answer.json().code], [409, 'email_taken'], email);
    }
  }
  const renamed = await admin.send('PATCH', `/users/${ada.id}`, { email: 'BOB@example.org' });
  t.match([renamed.statusCode, renamed.json().code], [409, 'email_taken']);
  const same = await admin.send('PATCH', `/users/${ada.id}`, { email: 'Ada@example.org' });
  t.equal(same.statusCode, 200, 'its own address is not taken');
});

t.test('the last administrator who can log in stays one', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const refused = async (what: string) => {
    for (const [method, body] of [
      ['PATCH', { role: 'user' }],
      ['PATCH', { disabled: true }],
      ['DELETE', undefined],
    ] as const) {
      const answer = await admin.send(method, `/users/${admin.id}`, body);
      t.match([answer.statusCode, answer.json().code], [409, 'last_admin'], `${method} ${what}`);
    }
  };
  await refused('with no other user');
  const disabled = await admin.send('POST', '/users', {
    email: 'd@example.org',
    password: PASSWORD,
    role: 'admin',
  });
  await admin.send('PATCH', `/users/${disabled.json().id}`, { disabled: true });
  await admin.send('POST', '/users', { email: 'p@example.org', role: 'admin' });
  await refused('beside a disabled administrator and one without a password');
  t.equal((await admin.send('GET', '/images')).statusCode, 200);

  const other = await addPerson(testApp, admin, 'other@example.org', { role: 'admin' });
  const answers = await Promise.all([
    admin.send('PATCH', `/users/${other.id}`, { role: 'user' }),
    other.send('PATCH', `/users/${admin.id}`, { role: 'user' }),
  ]);
  t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 409], 'two who remove each other');
});

t.test('a disabled user is refused with every credential, and again accepted later', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const ada = await addPerson(testApp, admin, 'ada@example.org');
  const key = await addKey(testApp, ada, ['images:read']);
  t.equal((await key.get('/images')).statusCode, 200);
  await admin.send('PATCH', `/users/${ada.id}`, { disabled: true });
  for (const answer of [await key.get('/images'), await ada.send('GET', '/images')]) {
    t.match([answer.statusCode, answer.json().code], [401, 'invalid_credential']);
  }
  t.equal((await askForToken(testApp.app, ada.email)).json().code, 'log_in_failed');
  await admin.send('PATCH', `/users/${ada.id}`, { disabled: false });
  t.equal((await key.get('/images')).statusCode, 200, 'the key');
  t.equal((await ada.send('GET', '/images')).statusCode, 401, 'the session has ended');
  t.equal((await logIn(testApp, ada.email)).id, ada.id);
});

t.test('users are listed in pages, by role and by a part of the address', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const emails = Array.from({ length: 5 }, (_, index) => `user${index}@example.org`);
  for (const email of emails) await admin.send('POST', '/users', { email });
  const found: string[] = [];
  for (let url: string | undefined = '/users?limit=2'; url !== undefined; ) {
    const answer = await admin.send('GET', url);
    found.push(...answer.json().items.map(({ email }: { email: string }) => email));
    url = /<([^>]+)>; rel="next"/.exec(String(answer.headers.link))?.[1];
  }
  t.strictSame(found, [...emails.toReversed(), admin.email]);
  const emailsOf = async (query: string) =>
    (await admin.send('GET', `/users?${query}`)).json().items.map(({ email }: { email: string }) => email);
  t.strictSame(await emailsOf('role=admin'), [admin.email]);
  t.strictSame(await emailsOf('email_contains=SER3'), ['user3@example.org']);
  t.strictSame(await emailsOf('email_contains=%25'), [], 'a pattern is only text');
  t.equal((await admin.send('GET', '/users?cursor=x')).statusCode, 422);
  t.equal((await testApp.send('GET', '/users')).statusCode, 401);
});

t.test('an older hash of a password is renewed at the log-in', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const { pool } = testApp.services.database;
  const hashOf = async () =>
    (await pool.query<{ hash: string }>('SELECT password_hash AS hash FROM users WHERE id = $1', [admin.id]))
      .rows[0]?.hash ?? '';
  const { PasswordHasher } = await import('../../src/auth/passwords/hash.ts');
  const weak = new PasswordHasher({ cost: { memory: 19 * 1024, passes: 2, parallelism: 1 } });
  const old = await weak.hash(PASSWORD);
  await pool.query('UPDATE users SET password_hash = $2 WHERE id = $1', [admin.id, old]);
  t.equal((await askForToken(testApp.app, admin.email, 'wrong')).statusCode, 401);
  t.equal(await hashOf(), old, 'not after a wrong password');
  t.equal((await askForToken(testApp.app, admin.email)).statusCode, 200);
  const renewed = await hashOf();
  t.not(renewed, old);
  t.match(renewed, /^\$argon2id\$v=19\$/);
  t.equal((await askForToken(testApp.app, admin.email)).statusCode, 200);
  t.equal(await hashOf(), renewed, 'once');
  t.equal((await admin.send('GET', '/images')).statusCode, 200, 'sessions go on');
});

t.test('while authentication is off, its user cannot be deleted', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t, { AUTH_MODE: 'disabled' });
  await admin.send('POST', '/users', { email: 'o@example.org', password: PASSWORD, role: 'admin' });
  const answer = await testApp.send('DELETE', `/users/${admin.id}`);
  t.match([answer.statusCode, answer.json().code], [409, 'conflict']);
  t.equal((await testApp.send('GET', '/images')).statusCode, 200);
});
