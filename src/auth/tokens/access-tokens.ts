import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { AppError } from '../../core/errors.ts';
import { SCOPES, type Scope } from '../scopes.ts';
import type { KeyRing } from './key-ring.ts';
import { signToken, type TokenKind, UuidClaim, verifyToken } from './signed-token.ts';

export { CLOCK_TOLERANCE_SECONDS } from './signed-token.ts';

/** A token of the service has about 600 characters. */
export const MAX_ACCESS_TOKEN_LENGTH = 4096;

/** The claims of RFC 9068, without `client_id` and `jti`, which nothing here uses, and with the session (`sid`). */
const AccessTokenClaims = Type.Object({
  iss: Type.String(),
  aud: Type.String(),
  sub: UuidClaim,
  sid: UuidClaim,
  scope: Type.String(),
  iat: Type.Integer(),
  exp: Type.Integer(),
});

export interface AccessTokenOptions {
  /** The URL of the service. It is the issuer and the audience, because the service accepts only its own tokens. */
  issuer: string;
  /** How long a token is valid. One that is older is refused, even if it was signed for a longer time. */
  seconds: number;
}

export interface VerifiedAccessToken {
  userId: string;
  sessionId: string;
  scopes: readonly Scope[];
  expiresAt: Date;
}

/** Signs and verifies access tokens: JWT (RFC 7519) with EdDSA. */
export class AccessTokens {
  readonly #keys: KeyRing;
  readonly #kind: TokenKind;

  constructor(keys: KeyRing, { issuer, seconds }: AccessTokenOptions) {
    this.#keys = keys;
    this.#kind = {
      type: 'at+jwt',
      issuer,
      audience: issuer,
      maxLength: MAX_ACCESS_TOKEN_LENGTH,
      maxSeconds: seconds,
    };
  }

  /** A token with these claims, and the seconds for which it is valid. */
  async sign(
    claims: { userId: string; sessionId: string; scopes: readonly Scope[] },
    now = new Date(),
  ): Promise<{ token: string; expiresIn: number }> {
    const issuedAt = Math.floor(now.getTime() / 1000);
    const expiresIn = this.#kind.maxSeconds;
    const payload = {
      sub: claims.userId,
      sid: claims.sessionId,
      scope: claims.scopes.join(' '),
      iat: issuedAt,
      exp: issuedAt + expiresIn,
    };
    return { token: await signToken(this.#kind, payload, this.#keys.signingKey), expiresIn };
  }

  /**
   * What the token says, if the service has signed it and it has not expired. Scopes that this version does not know grant
   * nothing and are left out.
   *
   * @throws AppError `invalid_credential`; only for an expired token does the detail say why. It has no cause, because the errors
   *   of the library hold parts of the token.
   */
  async verify(token: string, now = new Date()): Promise<VerifiedAccessToken> {
    const claims = await this.#readClaims(token, now);
    const granted = new Set(claims.scope.split(' '));
    return {
      userId: claims.sub,
      sessionId: claims.sid,
      scopes: SCOPES.filter((scope) => granted.has(scope)),
      expiresAt: new Date(claims.exp * 1000),
    };
  }

  async #readClaims(token: string, now: Date): Promise<Static<typeof AccessTokenClaims>> {
    const payload = await verifyToken(this.#kind, token, (id) => this.#keys.publicKey(id), now);
    if (payload === 'expired') throw new AppError('invalid_credential', 'The access token has expired.');
    if (!Value.Check(AccessTokenClaims, payload)) throw invalidToken();
    return payload;
  }
}

function invalidToken(): AppError {
  return new AppError('invalid_credential', 'The access token is not valid.');
}
