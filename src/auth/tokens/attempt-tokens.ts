import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { AppError } from '../../core/errors.ts';
import type { KeyRing } from './key-ring.ts';
import { signToken, type TokenKind, UuidClaim, verifyToken } from './signed-token.ts';

const HashClaim = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** What an attempt at an item of a job may do. */
const AttemptTokenClaims = Type.Object({
  /** The job. */
  sub: UuidClaim,
  /** The position of the item in the job, and the number of the attempt. */
  pos: Type.Integer(),
  att: Type.Integer(),
  /** The credential of the worker that has claimed it. */
  wid: UuidClaim,
  /** The blobs that it may read. */
  in: Type.Array(Type.Object({ sha256: HashClaim, size: Type.Integer() })),
  /** What it may write: the result of this work, or the rows of this frame set. */
  out: Type.Union([Type.Object({ work: HashClaim }), Type.Object({ frame_set: UuidClaim })]),
  /** Maximum bytes of the result. */
  max: Type.Integer(),
  /** When it ends, however often it is renewed. Null: when the attempt does. */
  end: Type.Union([Type.Integer(), Type.Null()]),
  iat: Type.Integer(),
  exp: Type.Integer(),
});

/** The rights of one attempt. */
export interface AttemptGrant {
  jobId: string;
  position: number;
  attempt: number;
  workerId: string;
  /** The blobs that it may read: their SHA-256 as hexadecimal text, and their bytes. */
  inputs: readonly { sha256: string; size: number }[];
  /** The key of the work whose result it may store, as hexadecimal text; or the frame set that it may write. */
  output: { work: string } | { frameSet: string };
  maxBytes: number;
  /** When its rights end, however often they are renewed; null: when the attempt does. */
  endsAt: Date | null;
}

/** A token is valid for at most this long. */
const MAX_SECONDS = 24 * 3600;

/** It names few blobs. */
const MAX_LENGTH = 8192;

const KIND: TokenKind = {
  type: 'attempt+jwt',
  issuer: 'coreframe',
  audience: 'coreframe worker api',
  maxLength: MAX_LENGTH,
  maxSeconds: MAX_SECONDS,
};

/** Signs and verifies the tokens of workers for one attempt at one item. */
export class AttemptTokens {
  readonly #keys: KeyRing;
  readonly #seconds: number;

  /** @param seconds for which a token is valid unless it is renewed */
  constructor(keys: KeyRing, seconds: number) {
    this.#keys = keys;
    this.#seconds = Math.min(seconds, MAX_SECONDS);
  }

  async sign(grant: AttemptGrant, now = new Date()): Promise<string> {
    const issuedAt = Math.floor(now.getTime() / 1000);
    const end = grant.endsAt === null ? null : Math.ceil(grant.endsAt.getTime() / 1000);
    const payload: Static<typeof AttemptTokenClaims> = {
      sub: grant.jobId,
      pos: grant.position,
      att: grant.attempt,
      wid: grant.workerId,
      in: [...grant.inputs],
      out: 'work' in grant.output ? grant.output : { frame_set: grant.output.frameSet },
      max: grant.maxBytes,
      end,
      iat: issuedAt,
      exp: Math.min(issuedAt + this.#seconds, end ?? Number.POSITIVE_INFINITY),
    };
    return signToken(KIND, payload, this.#keys.attemptSigningKey);
  }

  /** @throws AppError `invalid_credential` */
  async verify(token: string, now = new Date()): Promise<AttemptGrant> {
    const claims = await verifyToken(KIND, token, (id) => this.#keys.attemptPublicKey(id), now);
    if (claims === 'expired')
      throw new AppError('invalid_credential', 'The token of the attempt has expired.');
    if (!Value.Check(AttemptTokenClaims, claims))
      throw new AppError('invalid_credential', 'The token of the attempt is not valid.');
    const { out, end } = claims;
    return {
      jobId: claims.sub,
      position: claims.pos,
      attempt: claims.att,
      workerId: claims.wid,
      inputs: claims.in,
      output: 'work' in out ? { work: out.work } : { frameSet: out.frame_set },
      maxBytes: claims.max,
      endsAt: end === null ? null : new Date(end * 1000),
    };
  }
}
