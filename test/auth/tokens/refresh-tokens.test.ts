import { createHmac } from 'node:crypto';
import t from 'tap';
import { createApiKey } from '../../../src/auth/tokens/api-key-format.ts';
import { RefreshTokens } from '../../../src/auth/tokens/refresh-tokens.ts';
import { setupToken } from '../../../src/auth/tokens/setup-token.ts';
import { accessTokens, CLAIMS, keyRing, OTHER_SECRET, SECRET, SESSION } from './support.ts';

const tokens = new RefreshTokens(keyRing());

t.test('a token gives its session and generation', async (t) => {
  for (const generation of [0, 1, 255, 2 ** 31 - 1, 2 ** 48 - 1]) {
    const token = tokens.issue(SESSION, generation);
    t.match(token, /^cfr_[\w-]{72}$/);
    t.strictSame(tokens.read(token), { sessionId: SESSION, generation });
    t.equal(new RefreshTokens(keyRing()).issue(SESSION, generation), token, 'it can be computed again');
  }
});

t.test('its content is authenticated by a whole HMAC-SHA-256', async (t) => {
  const bytes = Buffer.from(tokens.issue(SESSION, 258).slice(4), 'base64url');
  t.equal(bytes.toString('hex', 0, 22), `${SESSION.replaceAll('-', '')}000000000102`);
  const mac = createHmac('sha256', keyRing().refreshTokenKeys[0]).update(bytes.subarray(0, 22)).digest();
  t.strictSame(bytes.subarray(22), mac);
});

t.test('each session and generation has another token', async (t) => {
  const other = SESSION.replace('0', '1');
  const all = [0, 1, 2].flatMap((generation) => [
    tokens.issue(SESSION, generation),
    tokens.issue(other, generation),
  ]);
  t.equal(new Set(all).size, 6);
});

t.test('a change of any character is refused', async (t) => {
  const token = tokens.issue(SESSION, 7);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let position = 0; position < token.length; position++) {
    for (const character of [...alphabet, '', '=', '+', '/', ' ', '.', '\0']) {
      if (character === token.charAt(position)) continue;
      const changed = token.slice(0, position) + character + token.slice(position + 1);
      if (tokens.read(changed) !== undefined) t.fail(`${JSON.stringify(character)} at ${position}`);
    }
  }
  for (const changed of [`${token}=`, `${token}\n`, ` ${token}`, `${token}AAAA`, token.toUpperCase()]) {
    t.equal(tokens.read(changed), undefined, JSON.stringify(changed));
  }
  t.ok(tokens.read(token), 'the token itself is accepted');
});

t.test('no other credential is a refresh token', async (t) => {
  const { token } = await accessTokens().sign(CLAIMS);
  const others = ['', 'cfr_', token, createApiKey().key, setupToken(keyRing()), 'x'.repeat(100_000)];
  for (const other of others) t.equal(tokens.read(other), undefined, other.slice(0, 20));
  t.equal(tokens.read(`cfr_${createHmac('sha256', '').digest('base64url')}`), undefined);
});

t.test('a secret is changed without ending sessions', async (t) => {
  const old = tokens.issue(SESSION, 3);
  const after = new RefreshTokens(keyRing(OTHER_SECRET, SECRET));
  const read = { sessionId: SESSION, generation: 3 };
  t.strictSame(after.read(old), read);
  const fresh = after.issue(SESSION, 3);
  t.not(fresh, old, 'new tokens are made with the current secret');
  t.strictSame(after.read(fresh), read);
  t.equal(new RefreshTokens(keyRing(OTHER_SECRET)).read(old), undefined, 'the previous secret is dropped');
  t.equal(tokens.read(fresh), undefined, 'before the change');
});

t.test('a session or generation that no token can hold is an error', async (t) => {
  for (const session of ['', 'x', SESSION.toUpperCase(), SESSION.slice(1), `${SESSION}0`]) {
    t.throws(() => tokens.issue(session, 0), RangeError, session);
  }
  for (const generation of [-1, 0.5, 2 ** 48, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => tokens.issue(SESSION, generation), RangeError, String(generation));
  }
});
