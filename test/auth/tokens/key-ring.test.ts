import { inspect } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import t from 'tap';
import { hashCredential } from '../../../src/auth/tokens/hash-credential.ts';
import { MIN_SECRET_LENGTH } from '../../../src/auth/tokens/key-ring.ts';
import { isSetupToken, setupToken } from '../../../src/auth/tokens/setup-token.ts';
import { keyRing, OTHER_SECRET, SECRET } from './support.ts';

const seedOf = (secret: string): string | undefined =>
  keyRing(secret).signingKey.privateKey.export({ format: 'jwk' }).d;

t.test('a secret always gives the same keys, and another secret gives others', async (t) => {
  t.equal(seedOf(SECRET), seedOf(SECRET));
  t.equal(keyRing(SECRET).signingKey.id, keyRing(SECRET).signingKey.id);
  t.not(seedOf(SECRET), seedOf(OTHER_SECRET));
  t.not(keyRing(SECRET).signingKey.id, keyRing(OTHER_SECRET).signingKey.id);
});

t.test('no two purposes or secrets share a key', async (t) => {
  const rings = [keyRing(SECRET, OTHER_SECRET), keyRing(OTHER_SECRET)];
  const all = rings.flatMap(({ signingKey, refreshTokenKeys, setupTokenKey }) => [
    signingKey.privateKey.export({ format: 'jwk' }).d,
    refreshTokenKeys[0].toString('base64url'),
    setupTokenKey.toString('base64url'),
  ]);
  t.equal(new Set(all).size, 6);
  for (const key of all) t.equal(Buffer.from(key ?? '', 'base64url').length, 32);
});

t.test('the id of a key is its thumbprint', async (t) => {
  const { id, publicKey } = keyRing().signingKey;
  t.equal(id, await calculateJwkThumbprint(publicKey.export({ format: 'jwk' })));
});

t.test('the current secret signs, and the previous ones verify', async (t) => {
  const ring = keyRing(OTHER_SECRET, SECRET);
  t.equal(ring.signingKey.id, keyRing(OTHER_SECRET).signingKey.id);
  for (const secret of [SECRET, OTHER_SECRET]) {
    const { id, publicKey } = keyRing(secret).signingKey;
    t.ok(ring.publicKey(id)?.equals(publicKey));
    t.equal(ring.publicKey(id)?.type, 'public');
  }
  t.equal(keyRing(OTHER_SECRET).publicKey(keyRing(SECRET).signingKey.id), undefined);
});

t.test('a short secret is refused, also a previous one', async (t) => {
  const short = 'x'.repeat(MIN_SECRET_LENGTH - 1);
  for (const secret of ['', short]) {
    const error = { name: 'RangeError', message: 'Each secret needs at least 32 characters' };
    t.throws(() => keyRing(secret), error);
    t.throws(() => keyRing(SECRET, secret), error);
  }
  t.ok(keyRing(`${short}x`));
});

t.test('a ring that is logged shows no secret and no key', async (t) => {
  const ring = keyRing(SECRET, OTHER_SECRET);
  const shown = [inspect(ring, { depth: Infinity }), JSON.stringify(ring), String(ring)];
  t.strictSame(shown, ['KeyRing {}', '{}', '[object Object]']);
});

t.test('the set-up token is the same in every process with the current secret', async (t) => {
  const token = setupToken(keyRing(SECRET));
  t.match(token, /^cfs_[\w-]{43}$/);
  t.equal(setupToken(keyRing(SECRET, OTHER_SECRET)), token);
  t.ok(isSetupToken(keyRing(SECRET), token));
  t.notOk(isSetupToken(keyRing(OTHER_SECRET, SECRET), token), 'a previous secret does not count');
  for (const text of ['', 'cfs_', `${token} `, token.slice(0, -1), token.toLowerCase()]) {
    t.notOk(isSetupToken(keyRing(SECRET), text), text);
  }
});

t.test('the hash of a credential is its SHA-256', async (t) => {
  t.equal(
    hashCredential('abc').toString('hex'),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
