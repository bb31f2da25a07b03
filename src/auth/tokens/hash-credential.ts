import { hash } from 'node:crypto';

/**
 * The SHA-256 (32 bytes) of a whole credential, under which it is stored or cached. It needs no salt and no slow hash, because
 * credentials are random or signed and cannot be guessed; a password is hashed otherwise.
 */
export function hashCredential(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
