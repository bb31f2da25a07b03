import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startServer } from '../../safety/processes.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ADA, ADMIN, bearer, SETTINGS } from './support.ts';

/** A tenth of the soak `guessing`, which also measures what other users notice. */
const GUESSES = 1_000;
/** More than may wait for a comparison. */
const IN_FLIGHT = 100;

/** Another /64 each time. */
const network = (index: number) => `2001:db8:0:${index.toString(16)}::1`;

interface Guess {
  email: string;
  password: string;
  forwarded?: string;
}

async function openAttacked(t: Test, settings: Record<string, string>) {
  const { url } = await createTestDatabase(t);
  const server = await startServer(t, {
    ...SETTINGS,
    ...settings,
    DATABASE_URL: url,
    DATA_DIR: t.testdir(),
    LOG_LEVEL: 'info',
  });
  const address = `http://127.0.0.1:${server.port}`;
  const logIn = async ({ email, password, forwarded }: Guess) => {
    const response = await fetch(`${address}/auth/token`, {
      method: 'POST',
      body: new URLSearchParams({ username: email, password }),
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    });
    return { status: response.status, body: (await response.json()) as { access_token: string } };
  };
  const home = { forwarded: '192.0.2.9' };
  const { body: admin } = await logIn({ ...ADMIN, forwarded: '192.0.2.1' });
  const headers = { ...bearer(admin.access_token), 'content-type': 'application/json' };
  for (const email of [ADA.email, 'bob@example.org']) {
    const body = JSON.stringify({ email, password: ADA.password });
    await fetch(`${address}/users`, { method: 'POST', headers, body });
  }
  /** Makes the guesses in parallel, and counts the answers by status. Meanwhile, `meanwhile` runs once. */
  const attack = async (guess: (index: number) => Guess, meanwhile: () => Promise<void>) => {
    const counts: Record<number, number> = {};
    let next = 0;
    const start = performance.now();
    const guessing = Array.from({ length: IN_FLIGHT }, async () => {
      while (next < GUESSES) {
        next += 1;
        const { status } = await logIn(guess(next));
        counts[status] = (counts[status] ?? 0) + 1;
      }
    });
    while (next < GUESSES / 4) await sleep(5);
    await meanwhile();
    await Promise.all(guessing);
    return { counts, seconds: (performance.now() - start) / 1000 };
  };
  const statusOf = async (token: string) =>
    (await fetch(`${address}/users/me`, { headers: bearer(token) })).status;
  return { logIn, attack, statusOf, home };
}

t.test('one network cannot guess more by naming others', async (t) => {
  const { logIn, attack, statusOf } = await openAttacked(t, {});
  const { body: ada } = await logIn(ADA);
  const { counts, seconds } = await attack(
    (index) => ({ email: ADA.email, password: `wrong ${index}`, forwarded: network(index) }),
    async () => {
      t.equal(await statusOf(ada.access_token), 200, 'her session goes on');
    },
  );
  const { 401: compared = 0, 429: throttled = 0 } = counts;
  t.equal(compared + throttled, GUESSES, JSON.stringify(counts));
  t.ok(compared <= 12 + seconds / 10, `${compared} were compared in ${seconds} s`);
});

t.test('many networks cannot guess more on one account, and do not keep out its user', async (t) => {
  const { logIn, attack, home } = await openAttacked(t, { TRUSTED_PROXIES: '127.0.0.1' });
  t.equal((await logIn({ ...ADA, ...home })).status, 200);
  const { counts, seconds } = await attack(
    (index) => ({ email: ADA.email, password: `wrong ${index}`, forwarded: network(index) }),
    async () => {
      t.equal((await logIn({ ...ADA, ...home })).status, 200, 'from a known network');
      const bob = { ...ADA, email: 'bob@example.org', forwarded: '192.0.2.10' };
      t.equal((await logIn(bob)).status, 200, 'another user');
    },
  );
  const { 401: compared = 0, 429: throttled = 0 } = counts;
  t.equal(compared + throttled, GUESSES, JSON.stringify(counts));
  t.ok(compared <= 22 + seconds / 5, `${compared} were compared in ${seconds} s`);
});

t.test('one password on many accounts does not keep out who logs in from a known network', async (t) => {
  const { logIn, attack, home } = await openAttacked(t, { TRUSTED_PROXIES: '127.0.0.1' });
  t.equal((await logIn({ ...ADA, ...home })).status, 200);
  const { counts } = await attack(
    (index) => ({ email: `user${index}@example.org`, password: ADA.password, forwarded: network(index) }),
    async () => {
      for (let i = 0; i < 3; i += 1) t.equal((await logIn({ ...ADA, ...home })).status, 200);
    },
  );
  const { 401: compared = 0, 503: overloaded = 0 } = counts;
  t.equal(compared + overloaded, GUESSES, JSON.stringify(counts));
});
