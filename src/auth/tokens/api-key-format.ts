import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { hashCredential } from './hash-credential.ts';

/**
 * The form of API keys: `cfk_`, 43 characters of base62 (digits, then upper case, then lower case) for 256 random bits, and 6 for
 * the checksum. The checksum is the CRC-32 of zlib and PNG over all that comes before it, `cfk_` too. Both numbers are
 * big-endian and have leading zeros.
 *
 * A secret scanner finds keys with this pattern, and needs no request to tell them from other text:
 * `base62(zlib.crc32(key[:-6].encode())) == key[-6:]` in Python.
 */
export const API_KEY_PATTERN = 'cfk_[0-9A-Za-z]{49}';
/** Credentials of workers have the same form and another prefix. */
export const WORKER_KEY_PATTERN = 'cfw_[0-9A-Za-z]{49}';

/** Characters of a key that are stored and shown, so that people recognise it. The other 41 keep over 200 random bits. */
const SHOWN_LENGTH = 12;

/** What every API key begins with, and no access token. */
export const API_KEY_PREFIX = 'cfk_';
const WORKER_KEY_PREFIX = 'cfw_';
const RANDOM_BYTES = 32;
const RANDOM_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const API_KEY = new RegExp(`^${API_KEY_PATTERN}$`);
const WORKER_KEY = new RegExp(`^${WORKER_KEY_PATTERN}$`);

/** A new key, the part of it that may be shown, and its hash, which is what to store. */
export interface NewKey {
  key: string;
  prefix: string;
  hash: Buffer;
}

export function createApiKey(): NewKey {
  return createKey(API_KEY_PREFIX);
}

export function createWorkerKey(): NewKey {
  return createKey(WORKER_KEY_PREFIX);
}

function createKey(kind: string): NewKey {
  const key = encodeKey(kind, randomBytes(RANDOM_BYTES));
  return { key, prefix: key.slice(0, SHOWN_LENGTH), hash: hashCredential(key) };
}

/** The API key of these 32 bytes. */
export function encodeApiKey(random: Buffer): string {
  return encodeKey(API_KEY_PREFIX, random);
}

function encodeKey(kind: string, random: Buffer): string {
  const body = kind + toBase62(BigInt(`0x${random.toString('hex')}`), RANDOM_LENGTH);
  return body + checksum(body);
}

/** Whether the text has the form of an API key and the right checksum. Only the database knows whether the key exists. */
export function isApiKey(text: string): boolean {
  return API_KEY.test(text) && hasChecksum(text);
}

/** The same for the credential of a worker. */
export function isWorkerKey(text: string): boolean {
  return WORKER_KEY.test(text) && hasChecksum(text);
}

function hasChecksum(text: string): boolean {
  return checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
}

function checksum(body: string): string {
  return toBase62(BigInt(crc32(body)), CHECKSUM_LENGTH);
}

function toBase62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = DIGITS.charAt(Number(rest % 62n)) + text;
  return text.padStart(length, '0');
}
