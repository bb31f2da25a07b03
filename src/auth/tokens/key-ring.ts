import { createHash, createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto';

/** Characters that a secret needs at least. An empty one would give keys that everybody can derive. */
export const MIN_SECRET_LENGTH = 32;

/** What a derived key is for. Each purpose has keys of its own, so nothing made for one is valid for another. */
type Purpose = SigningPurpose | 'refresh token' | 'set-up token' | 'work permit';
/** Tokens with a signature that a public key verifies. */
type SigningPurpose = 'access token' | 'attempt token';

/** An Ed25519 key pair. */
export interface SigningKey {
  /** The `kid` of its tokens: the thumbprint of the public key (RFC 7638, SHA-256). */
  id: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** The beginning of each Ed25519 private key in PKCS #8 (RFC 8410, section 7). The seed of 32 bytes follows. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** HKDF (RFC 5869) with SHA-256 and no salt: 32 bytes that depend on the secret and on the purpose. */
function deriveKey(secret: string, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `coreframe ${purpose} v1`, 32));
}

function deriveSigningKey(secret: string, purpose: SigningPurpose): SigningKey {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, deriveKey(secret, purpose)]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey);
  const { crv, kty, x } = publicKey.export({ format: 'jwk' });
  const id = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
  return { id, privateKey, publicKey };
}

/**
 * The keys of the service, all derived from its secrets. The current secret makes new tokens; those made with a previous
 * secret are still accepted, so a secret can be changed without logging anybody out.
 */
export class KeyRing {
  readonly #signingKeys: Record<SigningPurpose, readonly [SigningKey, ...SigningKey[]]>;
  readonly #refreshTokenKeys: Keys;
  readonly #permitKeys: Keys;
  readonly #setupTokenKey: Buffer;

  /** @throws RangeError if a secret is shorter than `MIN_SECRET_LENGTH` */
  constructor(secrets: readonly [current: string, ...previous: string[]]) {
    if (secrets.some((secret) => secret.length < MIN_SECRET_LENGTH)) {
      throw new RangeError(`Each secret needs at least ${MIN_SECRET_LENGTH} characters`);
    }
    const [current, ...previous] = secrets;
    const keysFor = <Key>(derive: (secret: string) => Key): [Key, ...Key[]] => [
      derive(current),
      ...previous.map(derive),
    ];
    this.#signingKeys = {
      'access token': keysFor((secret) => deriveSigningKey(secret, 'access token')),
      'attempt token': keysFor((secret) => deriveSigningKey(secret, 'attempt token')),
    };
    this.#refreshTokenKeys = keysFor((secret) => deriveKey(secret, 'refresh token'));
    this.#permitKeys = keysFor((secret) => deriveKey(secret, 'work permit'));
    this.#setupTokenKey = deriveKey(current, 'set-up token');
  }

  /** Signs new access tokens. */
  get signingKey(): SigningKey {
    return this.#signingKeys['access token'][0];
  }

  /** The key that verifies access tokens with this `kid`, or undefined if it is not in the ring. */
  publicKey(id: string): KeyObject | undefined {
    return publicKeyIn(this.#signingKeys['access token'], id);
  }

  /** Signs new tokens of attempts at items of jobs. */
  get attemptSigningKey(): SigningKey {
    return this.#signingKeys['attempt token'][0];
  }

  /** The key that verifies tokens of attempts with this `kid`, or undefined if it is not in the ring. */
  attemptPublicKey(id: string): KeyObject | undefined {
    return publicKeyIn(this.#signingKeys['attempt token'], id);
  }

  /** HMAC keys of refresh tokens. The first one is current. */
  get refreshTokenKeys(): Keys {
    return this.#refreshTokenKeys;
  }

  /** HMAC keys of permits for claims. The first one is current. */
  get permitKeys(): Keys {
    return this.#permitKeys;
  }

  /** HMAC key of the set-up token. */
  get setupTokenKey(): Buffer {
    return this.#setupTokenKey;
  }
}

function publicKeyIn(keys: readonly SigningKey[], id: string): KeyObject | undefined {
  return keys.find((key) => key.id === id)?.publicKey;
}

/** Keys of one purpose. The first one is current. */
type Keys = readonly [Buffer, ...Buffer[]];
