import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { type ServerProcess, startServer } from '../../safety/processes.ts';
import { createTestApp } from '../../support/app.ts';
import { createEmptyDatabase, createTestDatabase } from '../../support/database.ts';
import { makeReachableFolder } from '../../support/folders.ts';

const PASSWORD = 'purple-tram-kitchen-64';
const TOKEN = /cfs_[\w-]{43}/g;

/** Processes that share a database and a secret, and start at the same time. */
async function startProcesses(
  t: Test,
  count: number,
  settings: Record<string, string>,
): Promise<ServerProcess[]> {
  return Promise.all(
    Array.from({ length: count }, async () =>
      startServer(t, { AUTH_MODE: 'required', DATA_DIR: await makeReachableFolder(t), ...settings }),
    ),
  );
}

const urlOf = ({ port }: ServerProcess, path: string) => `http://127.0.0.1:${port}${path}`;

const post = (process: ServerProcess, path: string, body: object) =>
  fetch(urlOf(process, path), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function logIn(process: ServerProcess, email: string): Promise<string> {
  const form = new URLSearchParams({ username: email, password: PASSWORD });
  const response = await fetch(urlOf(process, '/auth/token'), { method: 'POST', body: form });
  const { access_token: token } = (await response.json()) as { access_token: string };
  return token;
}

async function listUsers(process: ServerProcess, email: string): Promise<{ email: string; role: string }[]> {
  const headers = { authorization: `Bearer ${await logIn(process, email)}` };
  const response = await fetch(urlOf(process, '/users'), { headers });
  const { items } = (await response.json()) as { items: { email: string; role: string }[] };
  return items;
}

t.test(
  'the set-up token is printed once, and of all who use it at the same time one is the admin',
  async (t) => {
    const settings = {
      DATABASE_URL: (await createTestDatabase(t)).url,
      SECRET: randomBytes(32).toString('base64'),
    };
    const processes = await startProcesses(t, 2, settings);
    const [first, second] = processes as [ServerProcess, ServerProcess];
    const [token = ''] = first.output().match(TOKEN) ?? [];
    const setUp = (process: ServerProcess, email: string, setup_token = token) =>
      post(process, '/auth/setup', { setup_token, email, password: PASSWORD });

    t.equal((await setUp(first, 'eve@example.org', `cfs_${'0'.repeat(43)}`)).status, 401, 'a wrong token');
    const emails = Array.from({ length: 8 }, (_, index) => `ada${index}@example.org`);
    const responses = await Promise.all(
      emails.map((email, index) => setUp(index % 2 === 0 ? first : second, email)),
    );
    const statuses = responses.map(({ status }) => status);
    t.strictSame(statuses.toSorted(), [201, ...Array(7).fill(409)]);
    const admin = emails[statuses.indexOf(201)] ?? '';
    for (const process of processes)
      t.match(await listUsers(process, admin), [{ email: admin, role: 'admin' }], 'a single user');
    t.equal((await setUp(second, 'eve@example.org')).status, 409, 'nobody after that');

    const [third] = (await startProcesses(t, 1, settings)) as [ServerProcess];
    for (const { child, ended } of [first, second, third]) {
      child.kill('SIGTERM');
      await ended;
    }
    t.strictSame(first.output().match(TOKEN), [token]);
    t.strictSame(second.output().match(TOKEN), [token]);
    t.equal(third.output().match(TOKEN), null, 'a later start does not print it');
  },
);

t.test('of two processes that are to create the admin at once, one does, and both start', async (t) => {
  const settings = {
    DATABASE_URL: (await createEmptyDatabase(t)).url,
    SECRET: randomBytes(32).toString('base64'),
    ADMIN_EMAIL: 'Ada@example.org',
    ADMIN_PASSWORD: PASSWORD,
  };
  const processes = await startProcesses(t, 2, settings);
  for (const process of processes) {
    t.match(await listUsers(process, 'ada@example.org'), [{ email: 'ada@example.org', role: 'admin' }]);
    t.notMatch(process.output(), TOKEN, 'a token is not needed');
    t.notOk(process.output().includes(PASSWORD), 'the password is not printed');
  }
});

t.test('another start does not change an administrator, whatever its settings', async (t) => {
  const { url } = await createTestDatabase(t);
  const settings = { DATABASE_URL: url, AUTH_MODE: 'required', SECRET: randomBytes(32).toString('base64') };
  const credentials = { ADMIN_EMAIL: 'ada@example.org', ADMIN_PASSWORD: PASSWORD };
  await createTestApp(t, { ...settings, ...credentials });
  const again = await createTestApp(t, {
    ...settings,
    ADMIN_EMAIL: 'eve@example.org',
    ADMIN_PASSWORD: 'quiet-harbour-lamp-1873',
  });
  const { items } = await again.services.auth.users.list({ limit: 10 });
  t.match(items, [{ email: 'ada@example.org', role: 'admin' }]);
  t.equal(items.length, 1);
  t.equal(again.services.auth.setupToken, undefined);
});

t.test('the address of an ordinary user is not taken for the administrator', async (t) => {
  const { url } = await createTestDatabase(t);
  const settings = { DATABASE_URL: url, AUTH_MODE: 'required', SECRET: randomBytes(32).toString('base64') };
  const { send } = await createTestApp(t, { ...settings, REGISTRATION: 'open' });
  const body = { email: 'ada@example.org', password: PASSWORD };
  t.equal((await send('POST', '/auth/sign-up', body)).statusCode, 201);
  const start = createTestApp(t, { ...settings, ADMIN_EMAIL: 'ADA@example.org', ADMIN_PASSWORD: PASSWORD });
  await t.rejects(start, {
    name: 'ConfigError',
    message: /^ADMIN_EMAIL is the address of a user who is not/,
  });
});

t.test('without a secret, nothing opens in which authentication is required', async (t) => {
  await t.rejects(createTestApp(t, { AUTH_MODE: 'required' }), {
    name: 'ConfigError',
    message: 'SECRET is not set.',
  });
});
