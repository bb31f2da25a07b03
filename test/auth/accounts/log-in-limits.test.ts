import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { LogInLimits, type LogInPaces } from '../../../src/auth/accounts/log-in-limits.ts';
import { AppError } from '../../../src/core/errors.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { currentClient } from '../../../src/processes/client.ts';
import { createTestDatabase } from '../../support/database.ts';

const database = await createTestDatabase(t);
const { pool } = await database.open({ poolSize: 8 });

/** No limit of importance, so that a test can set the one that it is about. */
const FREE = { burst: 100_000, windowSeconds: 3600, everySeconds: 3600 };
const only = (paces: Partial<LogInPaces>): Partial<LogInPaces> => ({
  address: FREE,
  pair: FREE,
  account: FREE,
  signUp: FREE,
  ...paces,
});
const limits = (paces?: Partial<LogInPaces>) => new LogInLimits({ pool, ...(paces && { paces }) });

/** The seconds to wait if it was refused; 0 if it was admitted. */
async function outcome(attempt: Promise<unknown>): Promise<number> {
  try {
    await attempt;
    return 0;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'too_many_attempts') throw error;
    return error.retryAfter ?? Number.NaN;
  }
}

const network = (index: number) =>
  `2001:db8:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`;

t.beforeEach(() => pool.query('DELETE FROM log_in_attempts'));

t.test(
  '2,000 attempts at once on one account admit its burst and one more, whatever networks they come from',
  async (t) => {
    const ours = limits();
    const start = Date.now();
    const waits = await Promise.all(
      Array.from({ length: 2000 }, (_, i) =>
        outcome(ours.admit({ address: network(i), account: 'ada@example.org' })),
      ),
    );
    const seconds = (Date.now() - start) / 1000;
    const admitted = waits.filter((wait) => wait === 0).length;
    t.ok(admitted >= 21 && admitted <= 22 + Math.floor(seconds / 5), `${admitted} in ${seconds} s`);
    const refused = waits.filter((wait) => wait > 0);
    t.ok(
      refused.every((wait) => wait >= 1 && wait <= 5),
      'each is told when the next one is admitted',
    );
    t.equal(
      await outcome(ours.admit({ address: network(2001), account: 'bob@example.org' })),
      0,
      'another account',
    );
  },
);

t.test('two processes share the counts', async (t) => {
  const ours = limits(only({ account: { burst: 10, windowSeconds: 600, everySeconds: 600 } }));
  const script = `
    import { openDatabase } from './src/db/database.ts';
    import { LogInLimits } from './src/auth/accounts/log-in-limits.ts';
    const database = await openDatabase({ url: process.env.URL, poolSize: 2 });
    const limits = new LogInLimits({ pool: database.pool, paces: JSON.parse(process.env.PACES) });
    const attempts = Array.from({ length: 6 }, () => limits.admit({ address: '192.0.2.9', account: 'ada@example.org' }));
    const outcomes = await Promise.allSettled(attempts);
    console.log(outcomes.filter(({ status }) => status === 'fulfilled').length);
    await database.close();`;
  const paces = JSON.stringify(only({ account: { burst: 10, windowSeconds: 600, everySeconds: 600 } }));
  const run = async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--no-warnings', '--input-type=module', '-e', script],
      {
        env: { ...process.env, URL: database.url, PACES: paces },
      },
    );
    return Number(stdout);
  };
  t.strictSame(await Promise.all([run(), run()]).then((counts) => counts.reduce((a, b) => a + b)), 11);
  t.not(await outcome(ours.admit({ address: '192.0.2.10', account: 'ada@example.org' })), 0);
});

t.test('an IPv6 network of 64 bits is one address, and so is a mapped IPv4 address', async (t) => {
  const ours = limits(only({ address: { burst: 2, windowSeconds: 600, everySeconds: 600 } }));
  const from = (address: string, index: number) =>
    outcome(ours.admit({ address, account: `user-${index}@example.org` }));
  for (const [addresses, other] of [
    [
      ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:DB8:1:2:ffff::', '2001:db8:1:2:3:4:5:6'],
      '2001:db8:1:3::1',
    ],
    [['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '192.0.2.1'], '192.0.2.2'],
  ] as const) {
    const waits = [];
    for (const [index, address] of addresses.entries()) waits.push(await from(address, index));
    t.strictSame(
      waits.map((wait) => wait > 0),
      [false, false, false, true],
      'burst, steady pace, refused',
    );
    t.equal(await from(other, 9), 0, 'another network');
  }
});

t.test('every spelling of an e-mail address is one account', async (t) => {
  const ours = limits(only({ account: { burst: 1, windowSeconds: 600, everySeconds: 600 } }));
  const on = (account: string, index: number) => outcome(ours.admit({ address: network(index), account }));
  t.equal(await on('Ada@Example.org', 1), 0);
  t.equal(await on(' ada@example.org ', 2), 0);
  t.ok((await on('ADA@EXAMPLE.ORG', 3)) > 0);
  t.ok((await on('ａｄａ@example.org', 4)) > 0);
});

t.test('one network cannot slow an account down for the others', async (t) => {
  const ours = limits();
  const waits = [];
  for (let i = 0; i < 25; i += 1)
    waits.push(await outcome(ours.admit({ address: '192.0.2.1', account: 'ada@example.org' })));
  t.equal(waits.filter((wait) => wait === 0).length, 11);
  t.ok(waits.at(-1) !== undefined && Number(waits.at(-1)) <= 10, 'a short wait');
  t.equal(await outcome(ours.admit({ address: '192.0.2.2', account: 'ada@example.org' })), 0);
  t.equal(await outcome(ours.admit({ address: '192.0.2.1', account: 'bob@example.org' })), 0);
});

t.test('success gives back what was consumed', async (t) => {
  const pace = { burst: 3, windowSeconds: 600, everySeconds: 600 };
  const ours = limits({ address: pace, pair: pace, account: pace });
  const attempt = { address: '192.0.2.1', account: 'ada@example.org' };
  for (let i = 0; i < 12; i += 1) await (await ours.admit(attempt)).succeeded();
  const waits = [];
  for (let i = 0; i < 5; i += 1) waits.push(await outcome(ours.admit(attempt)));
  t.strictSame(
    waits.map((wait) => wait > 0),
    [false, false, false, false, true],
    'only failures count',
  );
});

t.test(
  'a network from which the account was used gets in during an attack, for as long as it is remembered',
  async (t) => {
    const paces = only({ account: { burst: 3, windowSeconds: 600, everySeconds: 600 } });
    const ours = limits(paces);
    const home = { address: '2001:db8:aaaa:1::1', account: 'ada@example.org' };
    await (await ours.admit(home)).succeeded();
    const attack = (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, i) =>
          outcome(ours.admit({ address: network(i), account: home.account })),
        ),
      );
    t.equal((await attack(50)).filter((wait) => wait === 0).length, 4);
    t.equal(
      await outcome(ours.admit({ ...home, address: '2001:db8:aaaa:1::2' })),
      0,
      'another address of the network',
    );
    t.ok((await outcome(ours.admit({ ...home, address: '2001:db8:aaaa:2::1' }))) > 0, 'another network');
    t.equal(await outcome(ours.admit({ address: home.address, account: 'bob@example.org' })), 0);
    const { rows } = await pool.query("SELECT expire FROM log_in_attempts WHERE key LIKE 'known:%'");
    t.equal(rows.length, 1);
    t.ok(Math.abs(Number(rows[0].expire) - Date.now() - 30 * 24 * 3600 * 1000) < 60_000, '30 days');
    await pool.query("UPDATE log_in_attempts SET expire = 1 WHERE key LIKE 'known:%'");
    t.ok((await outcome(ours.admit(home))) > 0, 'no longer remembered');
  },
);

t.test('a network that was used is still limited itself', async (t) => {
  const ours = limits(only({ pair: { burst: 2, windowSeconds: 600, everySeconds: 600 } }));
  const home = { address: '192.0.2.1', account: 'ada@example.org' };
  await (await ours.admit(home)).succeeded();
  const waits = [];
  for (let i = 0; i < 4; i += 1) waits.push(await outcome(ours.admit(home)));
  t.strictSame(
    waits.map((wait) => wait > 0),
    [false, false, false, true],
  );
});

t.test(
  'Retry-After is when the next attempt is admitted, and the burst returns with the next window',
  async (t) => {
    const pace = { burst: 3, windowSeconds: 5, everySeconds: 2 };
    const ours = limits(only({ account: pace }));
    const start = Date.now();
    const attempt = (index: number) =>
      outcome(ours.admit({ address: network(index), account: 'ada@example.org' }));
    for (let i = 0; i < 4; i += 1) t.equal(await attempt(i), 0);
    const wait = await attempt(4);
    t.ok(wait === 1 || wait === 2, `${wait} s`);
    await sleep(wait * 1000 + 50);
    t.equal(await attempt(5), 0, 'the steady pace');
    t.ok((await attempt(6)) > 0);
    await sleep(start + 6_200 - Date.now());
    for (let i = 7; i < 10; i += 1) t.equal(await attempt(i), 0, 'a new window');
  },
);

t.test('sign-ups are limited by network', async (t) => {
  const ours = limits();
  const waits = [];
  for (let i = 0; i < 13; i += 1) waits.push(await outcome(ours.admitSignUp(`2001:db8:5:5::${i}`)));
  t.equal(waits.filter((wait) => wait === 0).length, 11);
  t.ok(Number(waits.at(-1)) > 0 && Number(waits.at(-1)) <= 300);
  t.equal(await outcome(ours.admitSignUp('2001:db8:5:6::1')), 0);
  t.equal(
    await outcome(ours.admit({ address: '2001:db8:5:5::1', account: 'ada@example.org' })),
    0,
    'log-ins are apart',
  );
});

t.test(
  'the comparisons from all unknown networks are one client in queues, those of a known one another',
  async (t) => {
    const ours = limits();
    const clientOf = async (address: string, account: string) =>
      (await ours.admit({ address, account })).run(async () => currentClient());
    const unknown = await clientOf('192.0.2.1', 'ada@example.org');
    t.equal(await clientOf('198.51.100.7', 'bob@example.org'), unknown);
    for (const account of ['ada@example.org', 'bob@example.org'])
      await (await ours.admit({ address: '192.0.2.1', account })).succeeded();
    const ada = await clientOf('192.0.2.1', 'ada@example.org');
    t.not(ada, unknown);
    t.not(await clientOf('192.0.2.1', 'bob@example.org'), ada);
    t.equal(await clientOf('198.51.100.7', 'ada@example.org'), unknown, 'her account from elsewhere');
  },
);

t.test('no e-mail address lies in the table', async (t) => {
  await (await limits().admit({ address: '192.0.2.1', account: 'ada@example.org' })).succeeded();
  const { rows } = await pool.query('SELECT * FROM log_in_attempts');
  t.equal(rows.length, 4);
  t.notMatch(JSON.stringify(rows), /ada|example/);
});

t.test('nothing is admitted without a database', async (t) => {
  const { pool: lost, close } = await openDatabase({ url: database.url, poolSize: 2 });
  const ours = new LogInLimits({ pool: lost, paces: only({ account: { ...FREE, burst: 1 } }) });
  const attempt = { address: '192.0.2.1', account: 'ada@example.org' };
  const admitted = await ours.admit(attempt);
  await close();
  await t.rejects(ours.admit(attempt), { code: 'database_unavailable' });
  await t.rejects(ours.admitSignUp('192.0.2.1'), { code: 'database_unavailable' });
  await t.rejects(admitted.succeeded(), { code: 'database_unavailable' });
});

t.test('losing the database between two counts refuses the attempt', async (t) => {
  const ours = limits();
  await pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '57P01'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON log_in_attempts FOR EACH ROW
      WHEN (NEW.key LIKE 'pair%') EXECUTE FUNCTION refuse();`);
  t.teardown(() => pool.query('DROP TRIGGER refuse ON log_in_attempts'));
  await t.rejects(ours.admit({ address: network(3), account: 'ada@example.org' }), {
    code: 'database_unavailable',
  });
});
