import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/** Bytes of a session's UUID, of a generation and of an HMAC-SHA-256. Together a multiple of 3, so base64url has no unused bits. */
const SESSION_BYTES = 16;
const GENERATION_BYTES = 6;
const MAC_BYTES = 32;
const CONTENT_BYTES = SESSION_BYTES + GENERATION_BYTES;

const PREFIX = 'cfr_';
const FORM = /^cfr_[\w-]{72}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Refresh tokens: `cfr_` and 72 characters of base64url, which hold the session (16 bytes), the generation (6 bytes, big-endian)
 * and the HMAC-SHA-256 of both. None is stored, because a session and a generation always give the same token.
 */
export class RefreshTokens {
  readonly #keys: KeyRing;

  constructor(keys: KeyRing) {
    this.#keys = keys;
  }

  /**
   * The token of this generation, made with the current secret.
   *
   * @param sessionId a UUID in lower case
   * @param generation from 0 to 2⁴⁸ − 1
   * @throws RangeError for anything else
   */
  issue(sessionId: string, generation: number): string {
    if (!UUID.test(sessionId)) throw new RangeError('The session needs a UUID in lower case');
    if (!Number.isInteger(generation)) throw new RangeError('The generation is not an integer');
    const content = Buffer.alloc(CONTENT_BYTES);
    content.write(sessionId.replaceAll('-', ''), 'hex');
    content.writeUIntBE(generation, SESSION_BYTES, GENERATION_BYTES);
    const mac = computeMac(this.#keys.refreshTokenKeys[0], content);
    return PREFIX + Buffer.concat([content, mac]).toString('base64url');
  }

  /**
   * The session and generation of a token that was made with the current or a previous secret, or undefined. It takes the same time
   * whichever secret made the token, and whichever bytes are wrong.
   */
  read(token: string): { sessionId: string; generation: number } | undefined {
    if (!FORM.test(token)) return undefined;
    const bytes = Buffer.from(token.slice(PREFIX.length), 'base64url');
    const content = bytes.subarray(0, CONTENT_BYTES);
    const mac = bytes.subarray(CONTENT_BYTES, CONTENT_BYTES + MAC_BYTES);
    const matches = this.#keys.refreshTokenKeys.map((key) => timingSafeEqual(mac, computeMac(key, content)));
    if (!matches.includes(true)) return undefined;
    const hex = content.toString('hex', 0, SESSION_BYTES);
    return {
      sessionId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      generation: content.readUIntBE(SESSION_BYTES, GENERATION_BYTES),
    };
  }
}

function computeMac(key: Buffer, content: Buffer): Buffer {
  return createHmac('sha256', key).update(content).digest();
}
