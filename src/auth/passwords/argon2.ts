import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(argon2);

/** The cost of one argon2id (RFC 9106). */
export interface Argon2Cost {
  /** KiB. */
  memory: number;
  passes: number;
  /** Lanes. */
  parallelism: number;
}

/** A stored hash, or one to compare with. */
export interface Argon2Hash extends Argon2Cost {
  salt: Buffer;
  /** What argon2id derives from the password. */
  tag: Buffer;
}

const SALT_BYTES = 16;
const TAG_BYTES = 32;

/**
 * Limits of a stored hash. They are far above every cost that makes sense, so only a broken or forged row exceeds them. Without
 * them, such a row could take gigabytes of memory or minutes of a thread.
 */
const MAX_MEMORY_KIB = 256 * 1024;
const MAX_PARALLELISM = 16;
/** Memory times passes. This takes about half a second. */
const MAX_WORK = 1024 * 1024;
const MIN_SALT_BYTES = 8;
const MIN_TAG_BYTES = 16;
const MAX_BYTES = 64;

const PHC =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,9})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{1,128})$/;

/** The work of a cost: memory is filled once in each pass. */
export const workOf = ({ memory, passes }: Argon2Cost): number => memory * passes;

/** Hashes a message with a new salt. */
export async function createHash(message: Buffer, cost: Argon2Cost): Promise<Argon2Hash> {
  const salt = randomBytes(SALT_BYTES);
  return { ...cost, salt, tag: await deriveTag(message, { ...cost, salt }, TAG_BYTES) };
}

/** Whether a message has this hash. The comparison takes the same time for every answer. */
export async function hasHash(message: Buffer, hash: Argon2Hash): Promise<boolean> {
  return timingSafeEqual(await deriveTag(message, hash, hash.tag.length), hash.tag);
}

function deriveTag(
  message: Buffer,
  { salt, memory, passes, parallelism }: Omit<Argon2Hash, 'tag'>,
  tagLength: number,
): Promise<Buffer> {
  return derive('argon2id', { message, nonce: salt, memory, passes, parallelism, tagLength });
}

/** Whether a hash is weaker in any respect than those that `createHash` makes at this cost. */
export function isWeaker(hash: Argon2Hash, cost: Argon2Cost): boolean {
  const { memory, passes, salt, tag } = hash;
  return memory < cost.memory || passes < cost.passes || salt.length < SALT_BYTES || tag.length < TAG_BYTES;
}

/** The hash as a PHC string: https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md */
export function formatPhc({ memory, passes, parallelism, salt, tag }: Argon2Hash): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

/**
 * Reads a PHC string of argon2id, version 19.
 *
 * @throws Error if it is malformed or its cost is absurd. The message does not repeat the string.
 */
export function parsePhc(phc: string): Argon2Hash {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(phc) ?? [];
  if (salt === undefined || tag === undefined) {
    throw new Error('A stored password hash is broken: it is not a PHC string of argon2id, version 19');
  }
  const hash = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: unBase64(salt),
    tag: unBase64(tag),
  };
  const isSane =
    hash.parallelism <= MAX_PARALLELISM &&
    hash.memory >= 8 * hash.parallelism &&
    hash.memory <= MAX_MEMORY_KIB &&
    workOf(hash) <= MAX_WORK &&
    isBetween(hash.salt.length, MIN_SALT_BYTES, MAX_BYTES) &&
    isBetween(hash.tag.length, MIN_TAG_BYTES, MAX_BYTES);
  if (!isSane) throw new Error('A stored password hash is broken: its cost, salt or tag is out of range');
  return hash;
}

const isBetween = (value: number, min: number, max: number): boolean => value >= min && value <= max;

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

function unBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  // Node ignores what it cannot decode.
  if (base64(bytes) !== text) throw new Error('A stored password hash is broken: its base64 is malformed');
  return bytes;
}
