import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  type AccessTokens,
  CLOCK_TOLERANCE_SECONDS,
  MAX_ACCESS_TOKEN_LENGTH,
} from '../../../src/auth/tokens/access-tokens.ts';
import { createApiKey } from '../../../src/auth/tokens/api-key-format.ts';
import { RefreshTokens } from '../../../src/auth/tokens/refresh-tokens.ts';
import { setupToken } from '../../../src/auth/tokens/setup-token.ts';
import { AppError } from '../../../src/core/errors.ts';
import {
  accessTokens,
  CLAIMS,
  encodePart,
  keyRing,
  OPTIONS,
  OTHER_SECRET,
  SECRET,
  SESSION,
  USER,
} from './support.ts';

const NOW = new Date('2026-11-27T12:00:00.400Z');
const SECOND = Math.floor(NOW.getTime() / 1000);
const INVALID = 'The access token is not valid.';
const EXPIRED = 'The access token has expired.';

const keys = keyRing();
const tokens = accessTokens(keys);
const HEADER = { alg: 'EdDSA', typ: 'at+jwt', kid: keys.signingKey.id };
const PAYLOAD = {
  iss: OPTIONS.issuer,
  aud: OPTIONS.issuer,
  sub: USER,
  sid: SESSION,
  scope: 'images:read jobs:write',
  iat: SECOND,
  exp: SECOND + OPTIONS.seconds,
};

/** A JWT that is made without the library. */
function craft(header: object, payload: unknown, key: KeyObject = keys.signingKey.privateKey): string {
  const content = `${encodePart(header)}.${encodePart(payload)}`;
  return `${content}.${sign(null, Buffer.from(content), key).toString('base64url')}`;
}

/** Why a token is refused, or undefined if it is accepted. The error must hold nothing but its detail. */
async function refusal(t: Test, token: string, now = NOW, verifier = tokens): Promise<string | undefined> {
  try {
    await verifier.verify(token, now);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code !== 'invalid_credential' || error.cause !== undefined || error.errors.length > 0) {
      t.fail(`code ${error.code}, cause ${error.cause}`);
    }
    return error.detail;
  }
}

async function refuses(t: Test, token: string, name: string, detail = INVALID): Promise<void> {
  t.equal(await refusal(t, token), detail, name);
}

t.test('a signed token says who, in which session, with which scopes and until when', async (t) => {
  const { token, expiresIn } = await tokens.sign(CLAIMS, NOW);
  t.equal(expiresIn, 900);
  t.equal(token, craft(HEADER, PAYLOAD));
  t.strictSame(await tokens.verify(token, NOW), {
    ...CLAIMS,
    expiresAt: new Date('2026-11-27T12:15:00Z'),
  });
});

t.test('it is verified at the present time unless told otherwise', async (t) => {
  const { token } = await tokens.sign(CLAIMS);
  t.equal((await tokens.verify(token)).userId, USER);
  const { token: old } = await tokens.sign(CLAIMS, new Date(Date.now() - 3_600_000));
  await t.rejects(tokens.verify(old), { code: 'invalid_credential', detail: EXPIRED });
});

t.test('scopes that are not known grant nothing', async (t) => {
  for (const [scope, granted] of [
    ['', []],
    ['images:read future:write', ['images:read']],
    ['ADMIN admin\tjobs:read', []],
    ['jobs:read images:read jobs:read', ['images:read', 'jobs:read']],
  ] as const) {
    t.strictSame((await tokens.verify(craft(HEADER, { ...PAYLOAD, scope }), NOW)).scopes, granted, scope);
  }
});

t.test('no algorithm but EdDSA is accepted', async (t) => {
  const content = (header: object) => `${encodePart(header)}.${encodePart(PAYLOAD)}`;
  const signature = craft(HEADER, PAYLOAD).split('.')[2];
  for (const alg of [
    'none',
    'None',
    'NONE',
    'nOnE',
    ' none',
    'none\0',
    '',
    null,
    [],
    ['none'],
    0,
    undefined,
  ]) {
    const unsigned = content({ ...HEADER, alg });
    await refuses(t, unsigned, `${alg} without a second dot`);
    await refuses(t, `${unsigned}.`, `${alg} without a signature`);
    await refuses(t, `${unsigned}.${signature}`, `${alg} with another token's signature`);
    await refuses(t, craft({ ...HEADER, alg }, PAYLOAD), `${alg} with a signature`);
  }
  for (const alg of [
    'Ed25519',
    'eddsa',
    'EDDSA',
    ' EdDSA',
    'Ed448',
    'ES256',
    'RS256',
    'PS256',
    'ML-DSA-44',
    ['EdDSA'],
  ]) {
    await refuses(t, craft({ ...HEADER, alg }, PAYLOAD), String(alg));
  }
});

t.test('an HMAC with the public key is not a signature', async (t) => {
  const { publicKey } = keys.signingKey;
  const jwk = publicKey.export({ format: 'jwk' });
  const secrets = {
    raw: Buffer.from(jwk.x ?? '', 'base64url'),
    der: publicKey.export({ format: 'der', type: 'spki' }),
    pem: publicKey.export({ format: 'pem', type: 'spki' }),
    trimmedPem: String(publicKey.export({ format: 'pem', type: 'spki' })).trim(),
    jwk: JSON.stringify(jwk),
    x: jwk.x ?? '',
    kid: keys.signingKey.id,
    empty: '',
  };
  for (const [name, secret] of Object.entries(secrets)) {
    for (const bits of [256, 384, 512]) {
      // Only HS512 gives 64 bytes as Ed25519 does, so the others are also tried with zeros after them.
      for (const alg of [`HS${bits}`, 'EdDSA']) {
        const content = `${encodePart({ ...HEADER, alg })}.${encodePart(PAYLOAD)}`;
        const mac = createHmac(`sha${bits}`, secret).update(content).digest();
        await refuses(t, `${content}.${mac.toString('base64url')}`, `${alg} as ${bits} bits with ${name}`);
        const padded = Buffer.concat([mac, Buffer.alloc(64 - mac.length)]).toString('base64url');
        await refuses(t, `${content}.${padded}`, `${alg} as ${bits} bits with ${name}, padded`);
      }
    }
  }
});

t.test('a key is looked up only in the ring', async (t) => {
  const ids = [
    '',
    '../../dev/null',
    '/dev/null',
    'unknown',
    "' OR 1=1 --",
    '__proto__',
    'constructor',
    'toString',
  ];
  for (const kid of [...ids, [HEADER.kid], { toString: HEADER.kid }, null, 0, true, undefined]) {
    await refuses(t, craft({ ...HEADER, kid }, PAYLOAD), `kid ${JSON.stringify(kid)}`);
  }
  const foreign = generateKeyPairSync('ed25519');
  const jwk = { ...foreign.publicKey.export({ format: 'jwk' }), kid: HEADER.kid };
  const url = 'https://attacker.example/keys';
  for (const header of [{}, { jwk }, { jku: url }, { x5u: url }, { x5c: ['MIIB'] }]) {
    const name = Object.keys(header).join();
    await refuses(t, craft({ ...HEADER, ...header }, PAYLOAD, foreign.privateKey), `foreign key, ${name}`);
    const own = craft({ ...HEADER, ...header }, PAYLOAD);
    t.equal(await refusal(t, own), name === '' ? undefined : INVALID, `own key, ${name}`);
  }
});

t.test('no extension of the header is accepted', async (t) => {
  const extensions = [
    { crit: ['exp'], exp: 1 },
    { crit: [] },
    { crit: ['b64'], b64: true },
    { crit: ['b64'], b64: false },
    { b64: false },
    { cty: 'JWT' },
    { zip: 'DEF' },
    { enc: 'A256GCM' },
  ];
  for (const header of extensions) {
    await refuses(t, craft({ ...HEADER, ...header }, PAYLOAD), JSON.stringify(header));
  }
});

t.test('another type, issuer or audience is refused', async (t) => {
  for (const typ of [
    'JWT',
    'jwt',
    'job+jwt',
    'rt+jwt',
    'at',
    'text/at+jwt',
    '',
    null,
    ['at+jwt'],
    undefined,
  ]) {
    await refuses(t, craft({ ...HEADER, typ }, PAYLOAD), `typ ${typ}`);
  }
  const { issuer } = OPTIONS;
  const others = [`${issuer}/`, `${issuer}.attacker.example`, issuer.toUpperCase(), issuer.slice(0, -1), ''];
  for (const other of [...others, 'http://images.example.org', null, 1, [issuer], {}, undefined]) {
    await refuses(t, craft(HEADER, { ...PAYLOAD, iss: other }), `iss ${JSON.stringify(other)}`);
    await refuses(t, craft(HEADER, { ...PAYLOAD, aud: other }), `aud ${JSON.stringify(other)}`);
  }
  await refuses(t, craft(HEADER, { ...PAYLOAD, aud: [issuer, 'other'] }), 'several audiences');
});

t.test('a claim that is missing or of another type is refused', async (t) => {
  const wrong = {
    sub: ['', 'me', USER.toUpperCase(), `${USER}\n`, 1, null, [USER], {}],
    sid: ['', 'me', SESSION.toUpperCase(), ` ${SESSION}`, 1, null, [SESSION], {}],
    scope: [1, null, ['images:read'], {}, true],
    iat: ['', String(SECOND), SECOND + 0.5, null, [SECOND], {}, true],
    exp: ['', String(PAYLOAD.exp), PAYLOAD.exp + 0.5, null, [PAYLOAD.exp], {}, true],
    nbf: ['', String(SECOND), null, [SECOND], {}, true],
  };
  for (const [claim, values] of Object.entries(wrong)) {
    for (const value of values) {
      await refuses(t, craft(HEADER, { ...PAYLOAD, [claim]: value }), `${claim} ${JSON.stringify(value)}`);
    }
  }
  for (const claim of Object.keys(PAYLOAD)) {
    await refuses(t, craft(HEADER, { ...PAYLOAD, [claim]: undefined }), `no ${claim}`);
  }
  for (const payload of [null, [], [PAYLOAD], 'text', 1, {}]) {
    await refuses(t, craft(HEADER, payload), JSON.stringify(payload));
  }
});

t.test('times are checked to the second, with the tolerance', async (t) => {
  const at = (second: number) => new Date(second * 1000);
  const { token } = await tokens.sign(CLAIMS, NOW);
  const last = PAYLOAD.exp + CLOCK_TOLERANCE_SECONDS - 1;
  for (const [second, detail] of [
    [SECOND - CLOCK_TOLERANCE_SECONDS - 1, INVALID],
    [SECOND - CLOCK_TOLERANCE_SECONDS, undefined],
    [PAYLOAD.exp - 1, undefined],
    [PAYLOAD.exp, undefined],
    [last, undefined],
    [last + 1, EXPIRED],
    [last + 2, EXPIRED],
  ] as const) {
    t.equal(await refusal(t, token, at(second)), detail, `${second - SECOND} s after it was signed`);
  }

  const starts = craft(HEADER, { ...PAYLOAD, nbf: SECOND + 60 });
  const first = SECOND + 60 - CLOCK_TOLERANCE_SECONDS;
  t.equal(await refusal(t, starts, at(first - 1)), INVALID, 'before nbf');
  t.equal(await refusal(t, starts, at(first)), undefined, 'from nbf on');

  const long = craft(HEADER, { ...PAYLOAD, exp: SECOND + 10 * OPTIONS.seconds });
  t.equal(await refusal(t, long, at(last)), undefined);
  t.equal(await refusal(t, long, at(last + 2)), EXPIRED, 'it is older than tokens may be');
});

t.test('only a token of the service is told to have expired', async (t) => {
  const past = { ...PAYLOAD, iat: SECOND - 7200, exp: SECOND - 3600 };
  await refuses(t, craft(HEADER, past), 'own', EXPIRED);
  await refuses(t, craft(HEADER, past, generateKeyPairSync('ed25519').privateKey), 'foreign');
  await refuses(t, craft(HEADER, { ...past, iss: 'other' }), 'of another issuer');
  await refuses(t, craft({ ...HEADER, typ: 'JWT' }, past), 'of another type');
});

t.test('a change of any character is refused, also of bits that base64url does not use', async (t) => {
  const { token } = await tokens.sign(CLAIMS, NOW);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let position = 0; position < token.length; position++) {
    const before = token.slice(0, position);
    const after = token.slice(position + 1);
    const index = alphabet.indexOf(token.charAt(position));
    const flipped = [1, 2, 4, 8, 16, 32].map((bit) => alphabet.charAt((index < 0 ? 0 : index) ^ bit));
    for (const character of [...flipped, '', '.', ' ', '=', '+', '/', '\0']) {
      if (character === token.charAt(position)) continue;
      const detail = await refusal(t, before + character + after);
      if (detail !== INVALID) t.fail(`${JSON.stringify(character)} at ${position}: ${detail}`);
    }
  }
  for (const changed of [
    `${token}=`,
    `${token}==`,
    `${token}\n`,
    ` ${token}`,
    `${token} `,
    `${token}.`,
    `${token}A`,
  ]) {
    await refuses(t, changed, JSON.stringify(changed.replace(token, '…')));
  }
  await refuses(t, token.slice(0, -1), 'without the last character');
  t.equal(await refusal(t, token), undefined, 'the token itself is accepted');
});

t.test('a second signature of the same content is refused', async (t) => {
  // S + L is the same number modulo the order of the group. Code that does not check S < L accepts it (RFC 8032, section 5.1.7).
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const [header, payload, signature = ''] = craft(HEADER, PAYLOAD).split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order;
  Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(bytes, 32);
  await refuses(t, `${header}.${payload}.${bytes.toString('base64url')}`, 'S + L');
});

t.test('text that is not a token, or too long, is refused', async (t) => {
  const texts = ['', '.', '..', '...', 'a.b.c', '{}', 'null', '\0', 'é.é.é', `${encodePart(HEADER)}..`];
  for (const text of texts) await refuses(t, text, JSON.stringify(text));
  const content = (part: string) => `${part}.${encodePart(PAYLOAD)}.${'A'.repeat(86)}`;
  for (const header of ['[]', 'null', '1', '{', '{"alg":"EdDSA","alg":"none"}', '\xff', '[['.repeat(500)]) {
    await refuses(t, content(Buffer.from(header, 'latin1').toString('base64url')), header.slice(0, 40));
  }
  for (const length of [MAX_ACCESS_TOKEN_LENGTH + 1, 100_000]) {
    const long = craft(HEADER, { ...PAYLOAD, more: 'x'.repeat(length) });
    await refuses(t, long, `${long.length} characters, well signed`);
    await refuses(t, 'x'.repeat(length), `${length} characters`);
    await refuses(t, '.'.repeat(length), `${length} dots`);
  }
  const fitting = craft(HEADER, { ...PAYLOAD, more: 'x'.repeat(2000) });
  t.ok(fitting.length < MAX_ACCESS_TOKEN_LENGTH);
  t.equal(await refusal(t, fitting), undefined);
});

t.test('no other credential is an access token', async (t) => {
  await refuses(t, createApiKey().key, 'API key');
  await refuses(t, new RefreshTokens(keys).issue(SESSION, 0), 'refresh token');
  await refuses(t, setupToken(keys), 'set-up token');
  const idToken = {
    iss: OPTIONS.issuer,
    aud: 'client',
    sub: USER,
    nonce: 'n',
    iat: SECOND,
    exp: SECOND + 60,
  };
  const { privateKey } = generateKeyPairSync('ed25519');
  await refuses(t, craft({ alg: 'EdDSA', typ: 'JWT', kid: 'other' }, idToken, privateKey), 'ID token');
  await refuses(t, craft({ ...HEADER, typ: 'JWT' }, idToken, privateKey), 'ID token with our kid');
});

t.test('a secret is changed without ending what was signed with the old one', async (t) => {
  const { token: old } = await tokens.sign(CLAIMS, NOW);
  const after = accessTokens(keyRing(OTHER_SECRET, SECRET));
  const { token: fresh } = await after.sign(CLAIMS, NOW);
  const outcome = async (verifier: AccessTokens) => [
    await refusal(t, old, NOW, verifier),
    await refusal(t, fresh, NOW, verifier),
  ];
  t.strictSame(await outcome(after), [undefined, undefined], 'with the previous secret');
  t.strictSame(await outcome(accessTokens(keyRing(OTHER_SECRET))), [INVALID, undefined], 'without it');
  t.strictSame(await outcome(tokens), [undefined, INVALID], 'before the change');

  const renamed = craft({ ...HEADER, kid: keyRing(OTHER_SECRET).signingKey.id }, PAYLOAD);
  t.equal(await refusal(t, renamed, NOW, after), INVALID, 'the kid of another key of the ring');
});

t.test('an error shows nothing of the token', async (t) => {
  const { token } = await tokens.sign(CLAIMS, new Date(NOW.getTime() - 3_600_000));
  for (const text of [token, `${token.slice(0, -3)}AAA`]) {
    const error: unknown = await tokens.verify(text, NOW).catch((error: unknown) => error);
    if (!(error instanceof AppError)) throw new Error('the token was accepted');
    const shown = [error.stack, error.message, error.detail, JSON.stringify(error)].join('\n');
    for (const part of [...token.split('.'), USER, SESSION]) t.notOk(shown.includes(part));
  }
  t.ok(createPublicKey(keys.signingKey.privateKey).equals(keys.signingKey.publicKey));
});
