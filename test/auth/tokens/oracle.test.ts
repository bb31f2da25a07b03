import { spawnSync } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { createApiKey } from '../../../src/auth/tokens/api-key-format.ts';
import { RefreshTokens } from '../../../src/auth/tokens/refresh-tokens.ts';
import { setupToken } from '../../../src/auth/tokens/setup-token.ts';
import { needsPython, PYTHON } from '../../support/python.ts';
import { accessTokens, CLAIMS, keyRing, OPTIONS, SECRET, SESSION, USER } from './support.ts';

interface Answer {
  header: unknown;
  claims: unknown;
  token: string;
  attacks: Record<string, string>;
  refresh_token: string;
  setup_token: string;
  checksum: string;
}

const SCRIPT = path.join(import.meta.dirname, 'oracle.py');

t.test('PyJWT and cryptography agree', { skip: needsPython('jwt', 'cryptography') }, async (t) => {
  const keys = keyRing();
  const tokens = accessTokens(keys);
  const now = Math.floor(Date.now() / 1000);
  const { key } = createApiKey();
  const job = {
    secret: SECRET,
    issuer: OPTIONS.issuer,
    user: USER,
    session: SESSION,
    now,
    token: (await tokens.sign(CLAIMS, new Date(now * 1000))).token,
    public_key: keys.signingKey.publicKey.export({ format: 'pem', type: 'spki' }),
    api_key: key,
  };
  const run = spawnSync(PYTHON, [SCRIPT], { input: JSON.stringify(job), encoding: 'utf8' });
  t.equal(run.status, 0, run.stderr);
  const answer: Answer = JSON.parse(run.stdout);

  t.strictSame(answer.header, { alg: 'EdDSA', typ: 'at+jwt', kid: keys.signingKey.id });
  t.strictSame(answer.claims, {
    iss: OPTIONS.issuer,
    aud: OPTIONS.issuer,
    sub: USER,
    sid: SESSION,
    scope: 'images:read jobs:write',
    iat: now,
    exp: now + OPTIONS.seconds,
  });
  t.strictSame(
    await tokens.verify(answer.token),
    { ...CLAIMS, expiresAt: new Date((now + OPTIONS.seconds) * 1000) },
    'a token that PyJWT signs with the derived key is accepted',
  );
  t.equal(Object.keys(answer.attacks).length, 11);
  for (const [attack, token] of Object.entries(answer.attacks)) {
    const error = { code: 'invalid_credential', detail: 'The access token is not valid.' };
    await t.rejects(tokens.verify(token), error, attack);
  }
  t.equal(answer.refresh_token, new RefreshTokens(keys).issue(SESSION, 41));
  t.equal(answer.setup_token, setupToken(keys));
  t.equal(answer.checksum, key.slice(-6));
});
