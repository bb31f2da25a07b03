import { LOCAL_OWNER, type OwnerId } from './owner.ts';
import { type Role, SCOPES, type Scope } from './scopes.ts';

/** What a request was authenticated with. */
export type Credential =
  /** Nothing: authentication is off. */
  | { type: 'none' }
  /** An access token of a session, which a log-in has begun. */
  | { type: 'session'; id: string }
  | { type: 'api_key'; id: string; expiresAt: Date | null };

/** Who makes a request, and what they may do. */
export interface Principal {
  /** The user. */
  id: OwnerId;
  role: Role;
  scopes: ReadonlySet<Scope>;
  credential: Credential;
  /** The user on whose behalf an administrator makes the request. */
  actingFor: OwnerId | null;
}

/** Everybody, while authentication is off. */
export const LOCAL_PRINCIPAL: Principal = {
  id: LOCAL_OWNER,
  role: 'admin',
  scopes: new Set(SCOPES),
  credential: { type: 'none' },
  actingFor: null,
};
