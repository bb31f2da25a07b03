import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import t from 'tap';
import {
  API_KEY_PATTERN,
  createApiKey,
  encodeApiKey,
  isApiKey,
} from '../../../src/auth/tokens/api-key-format.ts';
import { RefreshTokens } from '../../../src/auth/tokens/refresh-tokens.ts';
import { accessTokens, CLAIMS, keyRing, SESSION } from './support.ts';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The bytes that a key holds, read without the code that is tested. */
function decode(key: string): string {
  let value = 0n;
  for (const digit of key.slice(4, 47)) value = value * 62n + BigInt(DIGITS.indexOf(digit));
  return value.toString(16).padStart(64, '0');
}

t.test('a key has one length, whatever its bytes', async (t) => {
  for (const hex of ['00'.repeat(32), `${'00'.repeat(31)}01`, `00${'a7'.repeat(31)}`, 'ff'.repeat(32)]) {
    const key = encodeApiKey(Buffer.from(hex, 'hex'));
    t.match(key, /^cfk_[0-9A-Za-z]{49}$/);
    t.equal(decode(key), hex);
    t.ok(isApiKey(key));
  }
});

t.test('a new key comes with what is shown and what is stored', async (t) => {
  const keys = Array.from({ length: 200 }, createApiKey);
  for (const { key, prefix, hash } of keys) {
    t.ok(isApiKey(key) && key.startsWith(prefix) && prefix.length === 12, prefix);
    t.strictSame(hash, createHash('sha256').update(key).digest());
  }
  t.equal(new Set(keys.map(({ key }) => key)).size, keys.length);
});

t.test('a scanner finds keys in text by the pattern', async (t) => {
  const { key } = createApiKey();
  const text = `KEY=${key}\ncurl -H "X-API-Key: ${key}" https://example.org/?k=cfk_short`;
  t.strictSame(text.match(new RegExp(API_KEY_PATTERN, 'g')), [key, key]);
});

t.test('a change of any character is noticed', async (t) => {
  const { key } = createApiKey();
  for (let position = 0; position < key.length; position++) {
    for (const character of [...DIGITS, '', '-', '_', '\0']) {
      if (character === key.charAt(position)) continue;
      const changed = key.slice(0, position) + character + key.slice(position + 1);
      if (isApiKey(changed)) t.fail(`${JSON.stringify(character)} at ${position}`);
    }
  }
});

t.test('no other text is a key', async (t) => {
  const { key } = createApiKey();
  const { token } = await accessTokens().sign(CLAIMS);
  const refreshToken = new RefreshTokens(keyRing()).issue(SESSION, 0);
  const texts = ['', 'cfk_', ` ${key}`, `${key}\n`, `${key}0`, key.toLowerCase(), token, refreshToken];
  for (const text of texts) t.notOk(isApiKey(text), JSON.stringify(text));
  t.notOk(isApiKey('cfk_'.repeat(25_000)));
});

t.test('a right checksum does not make a key of text of another form', async (t) => {
  const withChecksum = (body: string) => {
    let digits = '';
    for (let rest = crc32(body); rest > 0; rest = Math.floor(rest / 62))
      digits = DIGITS.charAt(rest % 62) + digits;
    return body + digits.padStart(6, '0');
  };
  const random = createApiKey().key.slice(4, 47);
  t.ok(isApiKey(withChecksum(`cfk_${random}`)));
  for (const body of [
    '',
    'cfk_',
    random,
    `cfr_${random}`,
    `cfk_${random}0`,
    `cfk_${random.slice(1)}`,
    `cfk_${random.slice(1)}-`,
  ]) {
    t.notOk(isApiKey(withChecksum(body)), body);
  }
});
