import { createHmac, timingSafeEqual } from 'node:crypto';
import { hashCredential } from './hash-credential.ts';
import type { KeyRing } from './key-ring.ts';

/** The token that lets its holder create the first administrator: `cfs_` and 43 characters, the same in every process. */
export function setupToken(keys: KeyRing): string {
  const mac = createHmac('sha256', keys.setupTokenKey).update('first administrator').digest('base64url');
  return `cfs_${mac}`;
}

/** Whether the text is the set-up token. The time that it takes tells nothing of how much of the text is right. */
export function isSetupToken(keys: KeyRing, text: string): boolean {
  return timingSafeEqual(hashCredential(text), hashCredential(setupToken(keys)));
}
