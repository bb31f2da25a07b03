import { type AccessTokenOptions, AccessTokens } from '../../../src/auth/tokens/access-tokens.ts';
import { KeyRing } from '../../../src/auth/tokens/key-ring.ts';

export const SECRET = 'a secret for tests of thirty-two characters or more';
export const OTHER_SECRET = 'another secret for tests, which is as long as that';
export const OPTIONS: AccessTokenOptions = { issuer: 'https://images.example.org', seconds: 900 };

export const USER = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
export const SESSION = '0190a4f2-6a3c-7d51-8e0b-2f1c9a7e4d33';
export const CLAIMS = { userId: USER, sessionId: SESSION, scopes: ['images:read', 'jobs:write'] as const };

export const keyRing = (current: string = SECRET, ...previous: string[]): KeyRing =>
  new KeyRing([current, ...previous]);
export const accessTokens = (keys: KeyRing = keyRing()): AccessTokens => new AccessTokens(keys, OPTIONS);

/** A header or payload as a part of a JWT. */
export const encodePart = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
