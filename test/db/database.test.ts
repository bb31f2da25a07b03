import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import { AppError } from '../../src/core/errors.ts';
import { openDatabase, toAppError, withTransaction } from '../../src/db/database.ts';
import { normalizeDatabaseUrl } from '../../src/db/database-url.ts';
import { createTestDatabase } from '../support/database.ts';

const testDatabase = await createTestDatabase(t);
const database = await testDatabase.open({ poolSize: 6 });
const { pool, prisma } = database;
await pool.query('CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL)');

t.test('Prisma and plain queries share the connections', async (t) => {
  await pool.query("INSERT INTO users (id, name) VALUES (gen_random_uuid(), 'shared')");
  t.equal(await prisma.user.count({ where: { name: 'shared' } }), 1);
  const sizes = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      if (index % 2) await prisma.user.count();
      else await pool.query('SELECT 1');
      return pool.totalCount;
    }),
  );
  t.ok(Math.max(...sizes) <= 6);
  t.equal(await database.isReachable(), true);
});

t.test('URLs of other worlds are understood', async (t) => {
  const cases: [string, string][] = [
    ['postgresql://u:p@h:1/d', 'postgresql://u:p@h:1/d'],
    ['postgres://u:p%40x@h/d', 'postgresql://u:p%40x@h/d'],
    ['postgresql+asyncpg://u:p@h/d', 'postgresql://u:p@h/d'],
    ['postgres+psycopg://u:p@h/d', 'postgresql://u:p@h/d'],
    [' postgresql+psycopg2://h/d?application_name=x ', 'postgresql://h/d?application_name=x'],
    ['postgresql+asyncpg://h/d?ssl=require', 'postgresql://h/d?sslmode=require&uselibpqcompat=true'],
    ['postgresql+asyncpg://h/d?ssl=false', 'postgresql://h/d?sslmode=disable&uselibpqcompat=true'],
    ['postgresql://h/d?sslmode=verify-full', 'postgresql://h/d?sslmode=verify-full&uselibpqcompat=true'],
    ['postgresql:///d?host=%2Frun%2Fpg', 'postgresql:///d?host=%2Frun%2Fpg'],
  ];
  for (const [given, expected] of cases) t.equal(normalizeDatabaseUrl(given), expected);
  for (const wrong of ['mysql://u:secret@h/d', 'h:5432/d', '']) {
    t.throws(() => normalizeDatabaseUrl(wrong), { message: /^(?!.*secret).*begins with postgresql/ });
  }
  const asyncpg = await openDatabase({
    url: testDatabase.url.replace('postgresql://', 'postgresql+asyncpg://'),
    poolSize: 2,
  });
  t.equal(await asyncpg.isReachable(), true);
  await asyncpg.close();
});

t.test('a transaction is committed, or rolled back with the error that was thrown', async (t) => {
  t.equal(
    await withTransaction(pool, async (client) => {
      await client.query('INSERT INTO counters VALUES (1, 0)');
      return 'result';
    }),
    'result',
  );
  const failing = withTransaction(pool, async (client) => {
    await client.query('INSERT INTO counters VALUES (2, 0)');
    throw new AppError('not_found', 'none of that');
  });
  await t.rejects(failing, { code: 'not_found' });
  await t.rejects(
    withTransaction(pool, (client) => client.query('INSERT INTO counters VALUES (1, 0)')),
    { code: '23505' },
  );
  t.same((await pool.query('SELECT id FROM counters')).rows, [{ id: 1 }]);
  t.equal(pool.idleCount, pool.totalCount);
});

t.test('a transaction whose failed statement was overlooked does not look committed', async (t) => {
  const overlooked = withTransaction(pool, async (client) => {
    await client.query('SELECT 1 / 0').catch(() => undefined);
  });
  await t.rejects(overlooked, { message: /rolled back/ });
});

t.test('work for the end of a transaction learns how it ended, if anybody can know', async (t) => {
  const endings: string[] = [];
  const run = (name: string, work: (client: pg.PoolClient) => Promise<unknown>) =>
    withTransaction(pool, async (client, transaction) => {
      transaction.whenEnded(async (isCommitted) => {
        endings.push(`${name}: ${isCommitted}`);
        throw new Error('This does not matter any more.');
      });
      await work(client);
    }).catch(() => undefined);
  const terminate = (client: pg.PoolClient) =>
    client.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
  await run('done', (client) => client.query('SELECT 1'));
  await run('failed', (client) => client.query('SELECT 1 / 0'));
  await run('failed, overlooked', (client) => client.query('SELECT 1 / 0').catch(() => undefined));
  await run('lost', async (client) => Promise.reject(await terminate(client)));
  await run('lost before the commit', terminate);
  t.strictSame(endings, ['done: true', 'failed: false', 'failed, overlooked: false', 'lost: false']);
});

t.test('deadlocks and serialization failures are tried again', async (t) => {
  await pool.query('INSERT INTO counters VALUES (10, 0), (11, 0)');
  let runs = 0;
  const move = (from: number, to: number) =>
    withTransaction(pool, async (client) => {
      runs += 1;
      await client.query("SET LOCAL deadlock_timeout = '50ms'");
      await client.query('UPDATE counters SET n = n - 1 WHERE id = $1', [from]);
      await sleep(runs <= 2 ? 100 : 0);
      await client.query('UPDATE counters SET n = n + 1 WHERE id = $1', [to]);
    });
  await Promise.all([move(10, 11), move(11, 10)]);
  t.ok(runs > 2, `${runs} runs`);
  const add = () =>
    withTransaction(pool, async (client) => {
      await client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
      const { rows } = await client.query('SELECT n FROM counters WHERE id = 10');
      await client.query('UPDATE counters SET n = $1 WHERE id = 10', [rows[0].n + 1]);
    });
  await Promise.all([add(), add(), add()]);
  t.same((await pool.query('SELECT n FROM counters WHERE id IN (10, 11) ORDER BY id')).rows, [
    { n: 3 },
    { n: 0 },
  ]);
});

t.test(
  'a connection that is lost in a transaction, also between its queries, is a database that is gone',
  async (t) => {
    const killed = withTransaction(pool, async (client) => {
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      await pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      await sleep(50);
      await client.query('SELECT 1');
    });
    await t.rejects(killed, { name: 'AppError', code: 'database_unavailable', retryAfter: 2 });
    t.same((await pool.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
    await t.rejects(
      prisma
        .$transaction(async (transaction) => {
          await transaction.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`;
        })
        .catch((error: unknown) => {
          throw toAppError(error) ?? error;
        }),
      { code: 'database_unavailable' },
    );
    t.equal(await prisma.user.count({ where: { name: 'local' } }), 1);
  },
);

t.test('lost idle connections are noticed before they are used', async (t) => {
  await Promise.all(Array.from({ length: 6 }, () => pool.query('SELECT pg_sleep(0.05)')));
  const other = await testDatabase.open({ poolSize: 2 });
  await other.pool.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await sleep(100);
  await Promise.all(Array.from({ length: 6 }, () => pool.query('SELECT 1')));
  t.pass('all work');
});

t.test('failures of the database and the disk are told apart from all others', async (t) => {
  const socketError = (code: string, syscall?: string) => Object.assign(new Error('x'), { code, syscall });
  const databaseError = (code: string) => Object.assign(new pg.DatabaseError('x', 1, 'error'), { code });
  const cases: [unknown, string | undefined][] = [
    [socketError('ECONNREFUSED', 'connect'), 'database_unavailable'],
    [socketError('ENOENT', 'connect'), 'database_unavailable'],
    [socketError('EPIPE', 'write'), 'database_unavailable'],
    [
      new AggregateError([socketError('ECONNREFUSED', 'connect'), socketError('ECONNREFUSED', 'connect')]),
      'database_unavailable',
    ],
    [databaseError('57P01'), 'database_unavailable'],
    [databaseError('08006'), 'database_unavailable'],
    [databaseError('53300'), 'database_unavailable'],
    [new Error('Connection terminated unexpectedly'), 'database_unavailable'],
    [new Error('timeout exceeded when trying to connect'), 'database_unavailable'],
    [new Error('wrapped', { cause: databaseError('57P03') }), 'database_unavailable'],
    [
      Object.assign(new Error('x'), {
        code: 'P2010',
        meta: { driverAdapterError: { cause: { originalCode: '57P01' } } },
      }),
      'database_unavailable',
    ],
    [databaseError('53100'), 'storage_unavailable'],
    [socketError('ENOSPC', 'write'), 'storage_unavailable'],
    [new AppError('conflict', 'as it is'), 'conflict'],
    [socketError('ENOENT', 'open'), undefined],
    [socketError('ECONNRESET'), undefined],
    [databaseError('23505'), undefined],
    [new Error('bug'), undefined],
    ['text', undefined],
    [null, undefined],
  ];
  for (const [error, code] of cases) t.equal(toAppError(error)?.code, code, String(error));
});

t.test(
  'a database that is not there stops the opening with a message that says where and why, without the password',
  async (t) => {
    const url = 'postgresql://me:secret@127.0.0.1:1/none';
    await t.rejects(openDatabase({ url, poolSize: 2 }), {
      name: 'AppError',
      code: 'database_unavailable',
      message: /^(?!.*secret).*127\.0\.0\.1:1 .*ECONNREFUSED.*DATABASE_URL/,
    });
    const wrongName = testDatabase.url.replace(testDatabase.name, 'no_such_database');
    await t.rejects(openDatabase({ url: wrongName, poolSize: 2 }), {
      message: /"no_such_database" does not exist/,
    });
  },
);
