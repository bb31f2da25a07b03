/**
 * What a credential may do. `images:*` is also for artifacts. `read` includes computing what a `GET` answers with; `write` includes
 * uploading, storing what is derived (at once or by a job), renaming and deleting. Neither includes the other. `jobs:write` is for what
 * becomes of jobs: cancelling, retrying, deleting. `metrics:read` is for Prometheus, `admin` for users and the audit.
 */
export const SCOPES = [
  'images:read',
  'images:write',
  'frames:read',
  'frames:write',
  'jobs:read',
  'jobs:write',
  'metrics:read',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Lists of scopes with a name, for API keys. */
export const SCOPE_PRESETS = {
  read_only: ['images:read', 'frames:read', 'jobs:read'],
  upload_only: ['images:write', 'frames:write'],
  read_write: ['images:read', 'images:write', 'frames:read', 'frames:write', 'jobs:read', 'jobs:write'],
} as const satisfies Record<string, readonly Scope[]>;

export type ScopePreset = keyof typeof SCOPE_PRESETS;

export const ROLES = ['user', 'admin'] as const;

export type Role = (typeof ROLES)[number];

/** The scopes that a role can have. */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  user: SCOPE_PRESETS.read_write,
  admin: SCOPES,
};
