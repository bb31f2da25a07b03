import type { KeyObject } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { SigningKey } from './key-ring.ts';

/** How far the clocks of the processes that sign and verify may differ. */
export const CLOCK_TOLERANCE_SECONDS = 5;

/** A claim that is an id. */
export const UuidClaim = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });

const ALGORITHM = 'EdDSA';

/**
 * The compact form of a JWT with an Ed25519 signature of 64 bytes. The last character of the signature holds two of its bits,
 * and only four characters leave the unused bits zero. So no other text has the same signature.
 */
const FORM = /^[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]$/;

/** A kind of token: JWT (RFC 7519) with EdDSA. */
export interface TokenKind {
  /** The `typ` of its header, which no other kind has. */
  type: string;
  issuer: string;
  audience: string;
  /** Longer text is refused before anything parses it. */
  maxLength: number;
  /** A token that is older is refused, even if it was signed for a longer time. */
  maxSeconds: number;
}

/** Signs claims. They have `iat` and `exp`, but neither issuer nor audience. */
export async function signToken(
  { type, issuer, audience }: TokenKind,
  claims: JWTPayload,
  { id, privateKey }: SigningKey,
): Promise<string> {
  return new SignJWT({ iss: issuer, aud: audience, ...claims })
    .setProtectedHeader({ alg: ALGORITHM, typ: type, kid: id })
    .sign(privateKey);
}

/**
 * The claims of a token, if one of these keys has signed it and it is valid at this time.
 *
 * @param publicKey gives the key with a `kid`
 * @returns undefined if it is not valid, and `expired` if that is the only reason
 */
export async function verifyToken(
  { type, issuer, audience, maxLength, maxSeconds }: TokenKind,
  token: string,
  publicKey: (id: string) => KeyObject | undefined,
  now: Date,
): Promise<JWTPayload | 'expired' | undefined> {
  if (token.length > maxLength || !FORM.test(token)) return undefined;
  try {
    const { payload } = await jwtVerify(token, (header) => keyOf(header, publicKey), {
      algorithms: [ALGORITHM],
      typ: type,
      issuer,
      audience,
      maxTokenAge: maxSeconds,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    });
    return payload;
  } catch (error) {
    return error instanceof errors.JWTExpired ? 'expired' : undefined;
  }
}

/** The service writes no other header, so none can name a key or ask for an extension. */
function keyOf(
  { alg, typ, kid, ...others }: JWTHeaderParameters,
  publicKey: (id: string) => KeyObject | undefined,
): KeyObject {
  const key = typeof kid === 'string' ? publicKey(kid) : undefined;
  if (key === undefined || Object.keys(others).length > 0)
    throw new Error('The header of the token is not known.');
  return key;
}
