import { argon2Sync } from 'node:crypto';
import t from 'tap';
import { formatPhc, parsePhc } from '../../../src/auth/passwords/argon2.ts';
import { PASSWORD_COST, PasswordHasher } from '../../../src/auth/passwords/hash.ts';
import { AppError } from '../../../src/core/errors.ts';
import { actAs } from '../../../src/processes/client.ts';

/** As cheap as argon2id can be, so that tests of anything but the cost are fast. */
const CHEAP = { memory: 8, passes: 1, parallelism: 1 };
const PASSWORD = 'Grüße, 世界! 🔑';

t.test('the cost of new hashes is not below what OWASP asks for', async (t) => {
  t.ok(PASSWORD_COST.memory >= 19_456);
  t.ok(PASSWORD_COST.passes >= 2);
  t.ok(PASSWORD_COST.parallelism >= 1);
  const phc = await new PasswordHasher().hash(PASSWORD);
  const { memory, passes, parallelism } = PASSWORD_COST;
  t.ok(phc.startsWith(`$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$`), phc);
});

t.test('a hash belongs to its password alone, and has a salt of its own', async (t) => {
  const hasher = new PasswordHasher({ cost: CHEAP });
  const phc = await hasher.hash(PASSWORD);
  t.match(phc, /^\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  t.not(await hasher.hash(PASSWORD), phc);
  t.strictSame(await hasher.verify(PASSWORD, phc), { matches: true, needsRehash: false });
  for (const wrong of ['', ` ${PASSWORD}`, `${PASSWORD} `, PASSWORD.toLowerCase(), PASSWORD.slice(0, -2)])
    t.strictSame(await hasher.verify(wrong, phc), { matches: false, needsRehash: false }, wrong);
});

t.test('every character counts', async (t) => {
  const hasher = new PasswordHasher({ cost: CHEAP });
  const longest = '🔑'.repeat(256);
  const phc = await hasher.hash(longest);
  t.equal((await hasher.verify(longest, phc)).matches, true);
  t.equal((await hasher.verify(`${'🔑'.repeat(255)}🔒`, phc)).matches, false);
  t.equal((await hasher.verify(`a\0${'b'.repeat(20)}`, await hasher.hash('a\0'))).matches, false);
});

t.test('hashes of the reference implementation are understood', async (t) => {
  // https://github.com/P-H-C/phc-winner-argon2/blob/master/src/test.c: argon2id, "password", "somesalt".
  const phc = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  const hasher = new PasswordHasher();
  t.equal((await hasher.verify('password', phc)).matches, true);
  t.equal((await hasher.verify('Password', phc)).matches, false);
  t.equal(formatPhc(parsePhc(phc)), phc);
});

t.test(
  'a hash that is weaker in any respect is to be renewed, and only if the password matches',
  async (t) => {
    const cost = { memory: 64, passes: 2, parallelism: 1 };
    const hasher = new PasswordHasher({ cost });
    const stored = async (weaker: object) =>
      new PasswordHasher({ cost: { ...cost, ...weaker } }).hash(PASSWORD);
    for (const [weaker, needsRehash] of [
      [{}, false],
      [{ memory: 63 }, true],
      [{ passes: 1 }, true],
      [{ memory: 128, passes: 1 }, true],
      [{ memory: 128, passes: 3 }, false],
    ] as const) {
      const phc = await stored(weaker);
      t.strictSame(await hasher.verify(PASSWORD, phc), { matches: true, needsRehash }, phc);
      t.strictSame(await hasher.verify('wrong', phc), { matches: false, needsRehash: false }, phc);
    }
    const [salt, message] = [Buffer.from('somesalt'), Buffer.from(PASSWORD)];
    const tag = argon2Sync('argon2id', { message, nonce: salt, ...cost, tagLength: 16 });
    const short = formatPhc({ ...cost, salt, tag });
    t.strictSame(
      await hasher.verify(PASSWORD, short),
      { matches: true, needsRehash: true },
      'short salt and tag',
    );
  },
);

t.test('nothing matches an account without a password', async (t) => {
  const hasher = new PasswordHasher({ cost: CHEAP });
  for (const password of ['', PASSWORD, 'x'.repeat(10_000)])
    t.strictSame(await hasher.verify(password, null), { matches: false, needsRehash: false });
});

t.test('every comparison runs one argon2 of the present cost, whatever it compares', async (t) => {
  const cost = { memory: 8 * 1024, passes: 2, parallelism: 1 };
  const hasher = new PasswordHasher({ cost });
  const phc = await hasher.hash(PASSWORD);
  const older = await new PasswordHasher({ cost: { ...cost, memory: 2 * 1024 } }).hash(PASSWORD);
  const kinds = [
    ['usual', PASSWORD, phc],
    ['absent', PASSWORD, null],
    ['wrong', 'wrong', phc],
    ['empty', '', phc],
    ['empty and absent', '', null],
    ['over-long', 'x'.repeat(2_000_000), phc],
    ['over-long and absent', 'x'.repeat(2_000_000), null],
    ['older hash', PASSWORD, older],
  ] as const;
  const cpuMs: Record<string, number> = {};
  // In turn, because the speed of a busy machine changes from one moment to the next.
  for (let round = 0; round < 8; round += 1)
    for (const [kind, password, stored] of kinds) {
      const before = process.cpuUsage();
      await hasher.verify(password, stored);
      const { user, system } = process.cpuUsage(before);
      cpuMs[kind] = Math.min(cpuMs[kind] ?? Number.POSITIVE_INFINITY, (user + system) / 1000);
    }
  const { usual = 0, ...others } = cpuMs;
  for (const [kind, ms] of Object.entries(others)) t.ok(ms > usual / 2, `${kind}: ${ms} of ${usual} ms`);
});

t.test('an over-long password is not hashed, and matches nothing', async (t) => {
  const hasher = new PasswordHasher({ cost: CHEAP });
  // An over-long password is compared as if it were empty, which must not open an account whose password is empty.
  const empty = await hasher.hash('');
  for (const password of ['x'.repeat(1025), '世'.repeat(342), 'x'.repeat(5_000_000)]) {
    await t.rejects(hasher.hash(password), RangeError);
    t.equal((await hasher.verify(password, empty)).matches, false);
  }
});

t.test('a broken or absurd stored hash is an error for the operator, and costs nothing', async (t) => {
  const hasher = new PasswordHasher({ cost: CHEAP });
  const [salt, tag] = ['c29tZXNhbHQ', 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'];
  const phc = (parameters: string) => `$argon2id$v=19$${parameters}$${salt}$${tag}`;
  for (const broken of [
    '',
    'hunter2',
    '$',
    '$argon2id$v=19$m=8,t=1,p=1',
    '$2b$12$eImiTXuWVxfM37uY4JANjQ',
    `$argon2i$v=19$m=8,t=1,p=1$${salt}$${tag}`,
    `$argon2id$v=16$m=8,t=1,p=1$${salt}$${tag}`,
    `$argon2id$m=8,t=1,p=1$${salt}$${tag}`,
    phc('m=8,t=1'),
    phc('t=1,m=8,p=1'),
    phc('m=08,t=1,p=1'),
    phc('m=-8,t=1,p=1'),
    phc('m=8.5,t=1,p=1'),
    phc('m=8,t=0,p=1'),
    phc('m=8,t=1,p=0'),
    phc('m=8,t=1,p=1,data=AAAA'),
    phc('m=7,t=1,p=1'),
    phc('m=8,t=1,p=2'),
    phc('m=4294967295,t=1,p=1'),
    phc('m=262145,t=1,p=1'),
    phc('m=65536,t=1000000,p=1'),
    phc('m=8,t=4294967295,p=1'),
    phc('m=262144,t=1,p=17'),
    phc('m=99999999999999999999,t=1,p=1'),
    `$argon2id$v=19$m=8,t=1,p=1$c2FsdA$${tag}`,
    `$argon2id$v=19$m=8,t=1,p=1$${salt}=$${tag}`,
    `$argon2id$v=19$m=8,t=1,p=1$${salt}$AAAA`,
    `$argon2id$v=19$m=8,t=1,p=1$${salt}$${'A'.repeat(128)}`,
    `$argon2id$v=19$m=8,t=1,p=1$${salt}$${'A'.repeat(1_000_000)}`,
    `$argon2id$v=19$m=8,t=1,p=1$${salt}$${tag.slice(0, -1)}d`,
    ` ${phc('m=8,t=1,p=1')}`,
    `${phc('m=8,t=1,p=1')}\n`,
  ]) {
    const error: unknown = await hasher.verify(PASSWORD, broken).catch((reason: unknown) => reason);
    t.ok(error instanceof Error && !(error instanceof AppError), broken.slice(0, 80));
    t.match(error, { message: /^A stored password hash is broken: [^$]+$/ });
  }
  t.equal(hasher.stats().running, 0);
});

t.test('two run at a time, one for each client; what is too much is refused', async (t) => {
  const hasher = new PasswordHasher({ cost: { memory: 8 * 1024, passes: 2, parallelism: 1 }, queue: 4 });
  const verify = (client: string) => actAs(client, () => hasher.verify(PASSWORD, null));
  const attacker = Promise.allSettled(Array.from({ length: 5 }, () => verify('attacker')));
  t.strictSame(hasher.stats(), { running: 1, waiting: 4, capacity: 6, hasRoom: true });
  const other = verify('other');
  t.strictSame(hasher.stats(), { running: 2, waiting: 4, capacity: 6, hasRoom: true });
  await t.rejects(verify('attacker'), { code: 'overloaded' });
  const third = verify('third');
  t.equal((await other).matches, false);
  t.equal((await third).matches, false, 'it takes a place of the client that has most');
  const outcomes = await attacker;
  t.equal(outcomes.filter(({ status }) => status === 'rejected').length, 1);
  t.equal(hasher.stats().running + hasher.stats().waiting, 0);
});

t.test('who leaves gives up the place, and nothing is begun after closing', async (t) => {
  const hasher = new PasswordHasher({ cost: CHEAP });
  const left = new AbortController();
  const running = hasher.hash(PASSWORD);
  const waiting = hasher.verify(PASSWORD, null, left.signal);
  left.abort(new Error('gone'));
  await t.rejects(waiting, { message: 'gone' });
  hasher.close();
  await t.rejects(hasher.hash(PASSWORD), { code: 'overloaded' });
  t.ok(await running);
});
