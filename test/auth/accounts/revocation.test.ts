import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startServer } from '../../safety/processes.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ADA, ADMIN, bearer, SETTINGS, type Tokens } from './support.ts';

const CONNECTED_MS = 1_000;
const CUT_OFF_MS = 2_000;
/** For a machine that is busy with other tests. */
const GRACE_MS = 500;

const testDatabase = await createTestDatabase(t);
const { pool } = await testDatabase.open();
const settings = { ...SETTINGS, DATABASE_URL: testDatabase.url, LOG_LEVEL: 'trace' };
const folder = t.testdir();
/** Credentials are revoked in one process and used in the other. */
const revoking = await startServer(t, { ...settings, DATA_DIR: `${folder}/a` });
const using = await startServer(t, { ...settings, DATA_DIR: `${folder}/b` });

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function send(
  { port }: { port: number },
  method: string,
  path: string,
  body?: object | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { ...(body && !isForm ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

async function expectOk(answer: Promise<Answer>): Promise<Record<string, unknown>> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}

async function logIn({ email, password }: typeof ADA): Promise<Tokens> {
  const form = new URLSearchParams({ username: email, password });
  return (await expectOk(send(revoking, 'POST', '/auth/token', form))) as unknown as Tokens;
}

const asAdmin = bearer((await logIn(ADMIN)).access_token);

const statusInOther = async (token: string, path = '/images') =>
  (await send(using, 'GET', path, undefined, bearer(token))).status;

/** Uses a credential in the other process until it is answered from memory. */
async function warm(token: string, path?: string): Promise<void> {
  for (let i = 0; i < 5; i += 1) {
    if ((await statusInOther(token, path)) !== 200) throw new Error('The credential is not valid.');
    await sleep(20);
  }
}

/** Milliseconds from the answer of the revocation until the other process refuses the credential with this status. */
async function msUntil(status: number, token: string, path?: string): Promise<number> {
  const start = performance.now();
  while ((await statusInOther(token, path)) !== status) {
    if (performance.now() - start > 10_000) return Number.POSITIVE_INFINITY;
  }
  return performance.now() - start;
}

/** Processes of the server that serve the change feeds. */
async function feedPids(): Promise<number[]> {
  const { rows } = await pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'coreframe changes'",
  );
  return rows.map(({ pid }) => pid);
}

let users = 0;

/** Makes a user with a session and a key that the other process has in memory. */
async function makeUser() {
  users += 1;
  const claim = { email: `user${users}@example.org`, password: ADA.password };
  const { id } = await expectOk(send(revoking, 'POST', '/users', claim, asAdmin));
  const tokens = await logIn(claim);
  const as = bearer(tokens.access_token);
  const key = await expectOk(send(revoking, 'POST', '/api-keys', { name: 'k', preset: 'read_only' }, as));
  await warm(tokens.access_token);
  await warm(String(key.key));
  return { id, claim, as, token: tokens.access_token, key: String(key.key), keyId: key.id };
}

type User = Awaited<ReturnType<typeof makeUser>>;

/** How a credential is revoked, and which one is refused then. */
const WAYS: Record<string, (user: User) => Promise<string[]>> = {
  'a revoked key': async ({ keyId, as, key }) => {
    await expectOk(send(revoking, 'DELETE', `/api-keys/${keyId}`, undefined, as));
    return [key];
  },
  'a session that was logged out': async ({ as, token }) => {
    await expectOk(send(revoking, 'POST', '/auth/log-out', undefined, as));
    return [token];
  },
  'a disabled user': async ({ id, token, key }) => {
    await expectOk(send(revoking, 'PATCH', `/users/${id}`, { disabled: true }, asAdmin));
    return [token, key];
  },
  'a deleted user': async ({ id, token, key }) => {
    await expectOk(send(revoking, 'DELETE', `/users/${id}`, undefined, asAdmin));
    return [token, key];
  },
  'a password that was changed elsewhere': async ({ claim, token }) => {
    const elsewhere = bearer((await logIn(claim)).access_token);
    const body = { current_password: claim.password, new_password: 'silver-meadow-train-52' };
    await expectOk(send(revoking, 'POST', '/users/me/password', body, elsewhere));
    return [token];
  },
};

for (const [name, revoke] of Object.entries(WAYS)) {
  t.test(`${name} is refused in another process within a second`, async (t) => {
    for (const credential of await revoke(await makeUser())) {
      const ms = await msUntil(401, credential);
      t.ok(ms <= CONNECTED_MS, `${Math.round(ms)} ms`);
    }
  });
}

t.test('an administrator who is made a user is refused in another process within a second', async (t) => {
  const { id, claim } = await makeUser();
  await expectOk(send(revoking, 'PATCH', `/users/${id}`, { role: 'admin' }, asAdmin));
  const { access_token: token } = await logIn(claim);
  await warm(token, '/users');
  await expectOk(send(revoking, 'PATCH', `/users/${id}`, { role: 'user' }, asAdmin));
  const ms = await msUntil(403, token, '/users');
  t.ok(ms <= CONNECTED_MS, `${Math.round(ms)} ms`);
  t.equal(await statusInOther(token), 200, 'the scopes of users stay');
});

t.test('with the listening connections cut, within two seconds', async (t) => {
  const user = await makeUser();
  // The service connects again at once, so it is cut off again and again.
  let isOver = false;
  const cutting = (async () => {
    while (!isOver) {
      for (const pid of await feedPids()) await pool.query('SELECT pg_terminate_backend($1)', [pid]);
      await sleep(10);
    }
  })();
  await pool.query('DELETE FROM api_keys WHERE id = $1', [user.keyId]);
  const ms = await msUntil(401, user.key);
  isOver = true;
  await cutting;
  t.ok(ms <= CUT_OFF_MS + GRACE_MS, `${Math.round(ms)} ms`);
});

t.test('with listening connections that hang, within two seconds', async (t) => {
  const user = await makeUser();
  const pids = await feedPids();
  t.ok(pids.length > 0);
  const go = () => {
    for (const pid of pids.splice(0)) process.kill(pid, 'SIGCONT');
  };
  t.teardown(go);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  // The session ends in the database without a word to the other process.
  await pool.query('DELETE FROM sessions WHERE user_id = $1', [user.id]);
  const ms = await msUntil(401, user.token);
  go();
  t.ok(ms <= CUT_OFF_MS + GRACE_MS, `${Math.round(ms)} ms`);
});
