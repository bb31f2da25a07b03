import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Database, openDatabase, toAppError } from '../../src/db/database.ts';
import { openEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { allowedMs } from '../support/time.ts';

/** The server's process and those of its connections. */
async function serverProcesses(pid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const children = await Promise.all(
    pids.map(async (name) => {
      const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      return Number(/^\d+ \(.*\) \S (\d+)/s.exec(text)?.[1]) === pid ? Number(name) : [];
    }),
  );
  return [pid, ...children.flat()];
}

function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** How long calls of each kind take to fail, in milliseconds, and what they fail with. */
async function failures(database: Database): Promise<{ ms: number; code: string | undefined }[]> {
  const calls = [
    () => database.pool.query('SELECT 1'),
    () => database.prisma.user.count(),
    () => database.prisma.$queryRaw`SELECT 1`,
    // More than there are connections: some have to wait for one.
    ...Array.from({ length: 12 }, () => () => database.pool.query('SELECT 1')),
  ];
  return Promise.all(
    calls.map(async (call) => {
      const start = performance.now();
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return { ms: performance.now() - start, code: toAppError(error)?.code };
    }),
  );
}

async function recoveryTime(database: Database): Promise<number> {
  const start = performance.now();
  for (;;) {
    try {
      await database.pool.query('SELECT 1');
      return performance.now() - start;
    } catch {
      await sleep(50);
    }
  }
}

const dataDir = await makeReachableFolder(t);
const server = await openEmbeddedServer({ dataDir, settings: { fsync: 'off' } });
t.teardown(() => server.close());

async function connect(t: Test) {
  const messages: string[] = [];
  const log = (_fields: object, message: string) => messages.push(message);
  const database = await openDatabase({ url: server.url, poolSize: 4, logger: { info: log, warn: log } });
  t.teardown(() => database.close());
  return { database, messages };
}

function checkFailures(t: Test, results: { ms: number; code: string | undefined }[]): void {
  t.same([...new Set(results.map(({ code }) => code))], ['database_unavailable']);
  const slowest = Math.max(...results.map(({ ms }) => ms));
  t.ok(slowest < allowedMs(2_000), `the slowest failed after ${Math.round(slowest)} ms`);
}

t.test('a server that hangs: calls fail within 2 s, and succeed again after its return', async (t) => {
  const { database, messages } = await connect(t);
  // Idle connections, a running query and a transaction at the moment it stops.
  await Promise.all([1, 2, 3].map(() => database.pool.query('SELECT pg_sleep(0.01)')));
  const running = database.pool
    .query('SELECT pg_sleep(30)')
    .catch((error: unknown) => toAppError(error)?.code);
  await sleep(300);
  const pids = await serverProcesses(server.pid);
  t.teardown(() => signalAll(pids, 'SIGCONT'));
  signalAll(pids, 'SIGSTOP');
  checkFailures(t, await failures(database));
  t.equal(await running, 'database_unavailable');
  t.equal(await database.isReachable(), false);
  checkFailures(t, await failures(database));
  signalAll(pids, 'SIGCONT');
  const recovery = await recoveryTime(database);
  t.ok(recovery < allowedMs(2_000), `back after ${Math.round(recovery)} ms`);
  t.equal(await database.isReachable(), true);
  t.same(
    messages.filter((text) => !text.includes('idle')),
    ['the database does not answer', 'the database is back'],
  );
});

t.test('a server that takes no new connections', async (t) => {
  const { database } = await connect(t);
  process.kill(server.pid, 'SIGSTOP');
  t.teardown(() => signalAll([server.pid], 'SIGCONT'));
  // One idle connection may serve some; whatever needs a new one fails in time.
  const results = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const begin = performance.now();
      const code = await database.pool.query('SELECT pg_sleep(0.5)').then(
        () => undefined,
        (error: unknown) => toAppError(error)?.code,
      );
      return { ms: performance.now() - begin, code };
    }),
  );
  for (const { ms, code } of results) {
    if (code !== undefined) t.equal(code, 'database_unavailable');
    t.ok(code === undefined || ms < allowedMs(2_000), `failed after ${Math.round(ms)} ms`);
  }
  process.kill(server.pid, 'SIGCONT');
  const recovery = await recoveryTime(database);
  t.ok(recovery < allowedMs(2_000), `back after ${Math.round(recovery)} ms`);
});

t.test('a long query on a healthy server is left alone', async (t) => {
  const { database } = await connect(t);
  const { rows } = await database.pool.query("SELECT 'done' AS state FROM pg_sleep(2.5)");
  t.same(rows, [{ state: 'done' }]);
});

t.test('a blocked event loop is not taken for a database that is gone', async (t) => {
  const { database, messages } = await connect(t);
  const running = database.pool.query("SELECT 'done' AS state FROM pg_sleep(1.5)");
  await sleep(600);
  const until = performance.now() + 2_000;
  while (performance.now() < until);
  t.same((await running).rows, [{ state: 'done' }]);
  t.same(messages, []);
});

t.test('a probe that is not answered while other queries are', async (t) => {
  const { database, messages } = await connect(t);
  const until = performance.now() + 4_000;
  const queries = Promise.all(
    [1, 2].map(async () => {
      while (performance.now() < until) await database.pool.query('SELECT pg_sleep(0.1)');
    }),
  );
  await sleep(1_000);
  const { rows } = await database.pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT 1' AND state = 'idle' AND pid <> pg_backend_pid()",
  );
  const pids = rows.map(({ pid }) => pid);
  t.teardown(() => signalAll(pids, 'SIGCONT'));
  t.equal(pids.length, 1, 'the connection of the probe');
  signalAll(pids, 'SIGSTOP');
  await queries;
  t.same(messages, []);
});

t.test('a server that is killed and started again', async (t) => {
  const { database } = await connect(t);
  process.kill(server.pid, 'SIGKILL');
  await sleep(100);
  checkFailures(t, await failures(database));
  const again = await openEmbeddedServer({ dataDir });
  const recovery = await recoveryTime(database);
  t.ok(recovery < allowedMs(2_000), `back after ${Math.round(recovery)} ms`);
  await again.close();
});
