import { randomBytes } from 'node:crypto';
import t from 'tap';
import { checkFirstAdmin } from '../../../src/auth/accounts/check-first-admin.ts';

const EMAIL = 'ada@example.org';
const PASSWORD = 'purple-tram-kitchen-64';
const SECRET = randomBytes(32).toString('base64');

const check = (settings: Partial<Parameters<typeof checkFirstAdmin>[0]>) =>
  checkFirstAdmin({ PREVIOUS_SECRETS: [], SECRET, ...settings });

t.test('an address with a good password is taken, and so is neither', async (t) => {
  await t.resolves(check({}));
  await t.resolves(check({ ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: PASSWORD }));
  await t.resolves(check({ ADMIN_EMAIL: 'Ada.Lovelace+images@Example.ORG', ADMIN_PASSWORD: PASSWORD }));
});

t.test('one without the other is refused', async (t) => {
  await t.rejects(check({ ADMIN_EMAIL: EMAIL }), {
    name: 'ConfigError',
    message: /^ADMIN_EMAIL is set, but ADMIN_PASSWORD is not/,
  });
  await t.rejects(check({ ADMIN_PASSWORD: PASSWORD }), {
    name: 'ConfigError',
    message: /^ADMIN_PASSWORD is set, but ADMIN_EMAIL is not/,
  });
});

t.test('what is not an address is refused and not repeated: it may be the password', async (t) => {
  for (const email of [
    'ada',
    '@example.org',
    'ada@',
    'ada example.org',
    PASSWORD,
    `${'a'.repeat(250)}@b.org`,
  ])
    await t.rejects(
      check({ ADMIN_EMAIL: email, ADMIN_PASSWORD: PASSWORD }),
      { name: 'ConfigError', message: 'ADMIN_EMAIL is not an e-mail address.' },
      email,
    );
});

t.test('a weak password is refused and not repeated', async (t) => {
  for (const password of [
    'admin',
    'qwertyuiop1234',
    'password1234',
    'aaaaaaaaaaaaaaaa',
    EMAIL,
    'x'.repeat(300),
  ]) {
    const error: unknown = await check({ ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: password }).catch(
      (reason: unknown) => reason,
    );
    t.match(error, { code: 'validation_failed', message: /for ADMIN_PASSWORD but received/ }, password);
    t.notOk(error instanceof Error && error.message.includes(password), password);
  }
});

t.test('the password is none of the secrets', async (t) => {
  for (const settings of [{}, { SECRET: 'x', PREVIOUS_SECRETS: ['y', SECRET] }])
    await t.rejects(check({ ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: SECRET, ...settings }), {
      name: 'ConfigError',
      message: /^ADMIN_PASSWORD and SECRET are the same/,
    });
});
