import { randomBytes } from 'node:crypto';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { checkSecrets } from '../../../src/auth/tokens/check-secrets.ts';
import { ConfigError } from '../../../src/core/settings.ts';
import { OTHER_SECRET, SECRET } from './support.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const GOOD = randomBytes(32).toString('base64');

const check = (
  secret: string | undefined,
  previous: string[] = [],
  mode: 'required' | 'disabled' = 'required',
) =>
  checkSecrets({
    AUTH_MODE: mode,
    PREVIOUS_SECRETS: previous,
    ...(secret === undefined ? {} : { SECRET: secret }),
  });

t.test('random secrets are taken, however they are written', async (t) => {
  const refused: string[] = [];
  const tryOut = (secret: string) => {
    try {
      check(secret);
    } catch {
      refused.push(secret);
    }
  };
  for (let i = 0; i < 2000; i++) {
    const bytes = randomBytes(32);
    for (const secret of [
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('hex'),
      bytes.toString('hex').slice(0, 32),
    ])
      tryOut(secret);
  }
  tryOut('5f0c2f4e-9d0b-4c53-8b3e-6a1d7c9e2b84');
  tryOut(`production-${randomBytes(24).toString('hex')}`);
  t.strictSame(refused, []);
  check(GOOD, [randomBytes(32).toString('hex'), randomBytes(24).toString('base64url')]);
});

const BAD: Record<string, string> = {
  'a short one': randomBytes(15).toString('hex'),
  'one character less than enough': randomBytes(16).toString('hex').slice(1),
  'one character': 'x'.repeat(64),
  'two characters': 'xy'.repeat(32),
  'few characters': '0110100110010110100101100110100110010110',
  'a word that is repeated': 'thumbnails'.repeat(4),
  'one that is repeated, and cut': 'correcting-horses'.repeat(2).slice(0, 33),
  'the letters and digits': 'abcdefghijklmnopqrstuvwxyz0123456789',
  'digits in order': '01234567890123456789012345678901',
  'letters, backwards': 'zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQ',
  'each letter twice': 'aabbccddeeffgghhiijjkkllmmnnooppqq',
  'the nil UUID': '00000000-0000-0000-0000-000000000000',
  'rows of keys': 'qwertyuiopasdfghjklzxcvbnm1357924680',
  'a sentence': 'Nobody will ever guess this long sentence.',
  changeme: 'changeme-changeme-changeme-please',
  'change this': 'CHANGE_THIS_TO_A_LONG_RANDOM_VALUE',
  "thumbor's": 'MY_SECURE_KEY_MY_SECURE_KEY_FOR_IMAGES',
  "jwt.io's": 'a-string-secret-at-least-256-bits-long',
  "Supabase's": 'your-super-secret-jwt-token-with-at-least-32-characters-long',
  "PostgREST's": 'reallyreallyreallyreallyverysafe',
  "Django's": 'django-insecure-7#k2@v9!m4x$q8zr+w1^b6n',
  "FastAPI's": '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  "imgproxy's, in capitals": '943B421C9EB07C830AF81030552C86009268DE4E532BA2EE2EAB8247C6DA0881',
  'a command that no shell has run': '$(openssl rand -base64 32)$(openssl rand -base64 32)',
  another: '`head -c32</dev/urandom|base64 -w0`',
  'that of the tests of tokens': SECRET,
  'the other one of them': OTHER_SECRET,
};

for (const [name, secret] of Object.entries(BAD)) {
  t.test(`${name} is refused, wherever it is given, and not repeated`, async (t) => {
    for (const [of, load] of [
      ['SECRET', () => check(secret)],
      ['SECRET', () => check(secret, [], 'disabled')],
      ['PREVIOUS_SECRETS (number 2)', () => check(GOOD, [GOOD, secret])],
      ['PREVIOUS_SECRETS (number 1)', () => check(GOOD, [secret], 'disabled')],
    ] as const) {
      t.throws(load, ConfigError);
      try {
        load();
      } catch (error) {
        const { message } = error as Error;
        t.ok(message.startsWith(`${of} `), message);
        t.match(message, /openssl rand -base64 32/, 'how to make one');
        t.notOk(message.includes(secret), 'not repeated');
        t.notMatch(message, /\n/, 'one line');
      }
    }
  });
}

t.test('a missing secret is told with the reason for which it is needed', async (t) => {
  t.throws(() => check(undefined), { message: /^SECRET is not set, but clients have to log in\. Make/ });
  const exposed = () => checkSecrets({ AUTH_MODE: 'required', PREVIOUS_SECRETS: [] }, 'HOST=0.0.0.0');
  t.throws(exposed, { message: /because others can reach the service with HOST=0\.0\.0\.0\. Make/ });
  t.throws(() => check(undefined, [GOOD], 'disabled'), { message: /^PREVIOUS_SECRETS is set, but SECRET/ });
  t.doesNotThrow(() => check(undefined, [], 'disabled'));
});

t.test('a comma would split the secret in PREVIOUS_SECRETS', async (t) => {
  t.throws(() => check(`${GOOD},${GOOD.toLowerCase()}`), { message: /^SECRET contains a comma/ });
});

t.test('no secret that the project itself shows is accepted', async (t) => {
  const shown: string[] = [];
  for (const pattern of [
    '*.{md,yml}',
    '.env*',
    'docs/**/*.md',
    'clients/*.md',
    'test/**/*.ts',
    'bench/**/*.ts',
  ]) {
    for await (const file of glob(pattern, { cwd: ROOT })) {
      const text = await readFile(path.join(ROOT, file), 'utf8');
      for (const [, secret = ''] of text.matchAll(/\bSECRET['"]?\s*[=:]\s*(?:string = )?['"`]?([^'"`\n]+)/g))
        shown.push(secret.trim());
    }
  }
  t.ok(shown.length >= 3, `${shown.length} found`);
  for (const secret of shown) t.throws(() => check(secret), ConfigError, secret);
});
