import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose';
import { AppError } from '../../core/errors.ts';
import { SCOPES, type Scope } from '../scopes.ts';
import type { KeyRing } from './key-ring.ts';

/** How far the clocks of the processes that sign and verify may differ. */
export const CLOCK_TOLERANCE_SECONDS = 5;

/** A token of the service has about 600 characters. Longer text than this is refused before anything parses it. */
export const MAX_ACCESS_TOKEN_LENGTH = 4096;

const ALGORITHM = 'EdDSA';
const TYPE = 'at+jwt';

/**
 * The compact form of a JWT with an Ed25519 signature of 64 bytes. The last character of the signature holds two of its bits,
 * and only four characters leave the unused bits zero. So no other text has the same signature.
 */
const FORM = /^[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]$/;

const UuidClaim = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });

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
  readonly #issuer: string;
  readonly #seconds: number;

  constructor(keys: KeyRing, { issuer, seconds }: AccessTokenOptions) {
    this.#keys = keys;
    this.#issuer = issuer;
    this.#seconds = seconds;
  }

  /** A token with these claims, and the seconds for which it is valid. */
  async sign(
    claims: { userId: string; sessionId: string; scopes: readonly Scope[] },
    now = new Date(),
  ): Promise<{ token: string; expiresIn: number }> {
    const issuedAt = Math.floor(now.getTime() / 1000);
    const payload: Static<typeof AccessTokenClaims> = {
      iss: this.#issuer,
      aud: this.#issuer,
      sub: claims.userId,
      sid: claims.sessionId,
      scope: claims.scopes.join(' '),
      iat: issuedAt,
      exp: issuedAt + this.#seconds,
    };
    const { id, privateKey } = this.#keys.signingKey;
    const token = await new SignJWT(payload)
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: id })
      .sign(privateKey);
    return { token, expiresIn: this.#seconds };
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
    if (token.length > MAX_ACCESS_TOKEN_LENGTH || !FORM.test(token)) throw invalidToken();
    try {
      const { payload } = await jwtVerify(token, (header) => this.#keyOf(header), {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: this.#issuer,
        audience: this.#issuer,
        maxTokenAge: this.#seconds,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: now,
      });
      if (Value.Check(AccessTokenClaims, payload)) return payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired) {
        throw new AppError('invalid_credential', 'The access token has expired.');
      }
    }
    throw invalidToken();
  }

  /** The key from the ring. The service writes no other header, so none can name a key or ask for an extension. */
  #keyOf({ alg, typ, kid, ...others }: JWTHeaderParameters) {
    const key = typeof kid === 'string' ? this.#keys.publicKey(kid) : undefined;
    if (key === undefined || Object.keys(others).length > 0) throw invalidToken();
    return key;
  }
}

function invalidToken(): AppError {
  return new AppError('invalid_credential', 'The access token is not valid.');
}
