import t from 'tap';
import { checkPassword } from '../../../src/auth/passwords/strength.ts';
import { AppError } from '../../../src/core/errors.ts';

const ADA = { email: 'ada.lovelace@analytical-engine.example', name: 'Augusta Ada King' };

const refusalOf = async (password: string, context = ADA): Promise<AppError | undefined> => {
  try {
    await checkPassword(password, context);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error;
  }
};

t.test('passwords that are hard to guess are accepted, whatever their characters are', async (t) => {
  for (const password of [
    'correct zebra battery staple',
    'purple monkey dishwasher lamp',
    'vfkzqxwjhpbn',
    '739105826471',
    'Grüße an die Nachbarn',
    'мой кот спит на диване',
    '今日は良い天気ですね散歩に行こう',
    '🐢🚀🍕🎹🦊🌋🧲🪐🥨🛶🪁🎲',
    `${'x'.repeat(200)} wandering turnip oscillates`,
    '🔑🐢🚀🍕'.repeat(64),
  ])
    t.equal((await refusalOf(password))?.detail, undefined, password);
});

t.test('12 to 256 characters are counted in code points', async (t) => {
  const turtles = [...'🐢🚀🍕🎹🦊🌋🧲🪐🥨🛶🪁'];
  for (const [password, received] of [
    ['', '0 characters'],
    ['x', '1 character'],
    ['vfkzqxwjhpb', '11 characters'],
    [turtles.join(''), '11 characters'],
    ['vfkzqxwjhpbn '.repeat(20).slice(0, 257), '257 characters'],
    ['x'.repeat(513), 'more'],
    ['x'.repeat(5_000_000), 'more'],
  ] as const) {
    const refusal = await refusalOf(password);
    t.match(refusal, {
      code: 'validation_failed',
      detail: `Expected 12 to 256 characters for password but received ${received}`,
      errors: [{ path: '/password' }],
    });
  }
  t.equal(await refusalOf('vfkzqxwjhpbn '.repeat(20).slice(0, 256)), undefined);
});

t.test('passwords that are easy to guess are refused with advice', async (t) => {
  for (const [password, reason] of [
    ['aaaaaaaaaaaaaa', /a repeated character\. .*Avoid repeated words and characters\./],
    ['abcabcabcabcabc', /a repeated pattern of characters\./],
    ['passwordpassword', /a repeated pattern of characters\./],
    ['abcdefghijklmnop', /a common sequence, such as abc\. .*Avoid common sequences\./],
    ['qwertyuiop[]', /on the keyboard\./],
    ['password1234', /\. Add more words that are less common\./],
    ['P@ssw0rd1234', /\. Add more words that are less common\./],
    ['x'.repeat(256), /a repeated character\./],
  ] as const) {
    const refusal = await refusalOf(password);
    t.match(refusal?.detail, reason, password);
    t.match(refusal?.detail, /^Expected a value that is hard to guess for password but received /);
    t.notMatch(refusal?.detail, /undefined|\b[a-z]+[A-Z]/, 'sentences, not keys');
  }
});

t.test('what is known of the owner and the service is easy to guess', async (t) => {
  const longEmail = `${'vfkzqxwjhpbnrtml'.repeat(4).slice(3)}@${'qzjxkvwpfhbgnt'.repeat(4)}.example`;
  for (const [password, context] of [
    [ADA.email, ADA],
    ['analytical-engine', ADA],
    ['Augusta Ada King', ADA],
    ['LOVELACE1815', ADA],
    ['coreframe2026', ADA],
    ['Coreframe123', ADA],
    [longEmail, { email: longEmail, name: '' }],
    [`${longEmail.toUpperCase()}1`, { email: longEmail, name: '' }],
  ] as const)
    t.ok(await refusalOf(password, context), password);
  await checkPassword('analytical gin and lukewarm soup', { email: 'bob@example.org', name: null });
});

t.test('half a surrogate pair is refused, because all of them have the same bytes', async (t) => {
  t.match(await refusalOf('vfkzqxwjhpbn\ud83d'), {
    detail: /well-formed Unicode for password but received half/,
  });
});

t.test('a fault has the path of its parameter, and never repeats the password', async (t) => {
  const secret = 'zyxwvut';
  for (const password of [
    secret,
    secret.repeat(4),
    `${secret}\ud83d${'vfkzqxwjhpbn'}`,
    secret.repeat(40),
    secret.repeat(100),
  ]) {
    const error: unknown = await checkPassword(password, { ...ADA, path: '/new_password' }).catch(
      (e: unknown) => e,
    );
    t.ok(error instanceof AppError, password.slice(0, 30));
    t.match(error, { errors: [{ path: '/new_password', message: /for new_password but/ }] });
    t.notMatch(JSON.stringify(error) + String(error) + (error as AppError).stack, secret);
  }
});

t.test('the longest passwords are scored in parts, between which others get their turn', async (t) => {
  await checkPassword('correct zebra battery staple', ADA);
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await refusalOf('1'.repeat(256));
  isDone = true;
  t.ok(turns >= 5, `${turns} turns`);
});
