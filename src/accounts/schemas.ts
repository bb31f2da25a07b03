import { type Static, Type } from '@sinclair/typebox';
import { AUDIT_ACTIONS } from '../auth/accounts/audit-log.ts';
import { MAX_PASSWORD_CHARACTERS, MIN_PASSWORD_CHARACTERS } from '../auth/passwords/strength.ts';
import { ROLES, SCOPE_PRESETS, SCOPES, type ScopePreset } from '../auth/scopes.ts';
import { API_KEY_PATTERN, WORKER_KEY_PATTERN } from '../auth/tokens/api-key-format.ts';
import { PageOf, PageQuery } from '../core/cursor.ts';
import {
  Nullable,
  NullableTimestamp,
  ObjectWithDefaults,
  SchemaRef,
  StringEnum,
  Timestamp,
  Uuid,
} from '../core/schema.ts';

const id = '9b2f6c1e-7d3a-4c55-8f0e-2a1b3c4d5e6f';
const time = '2026-11-20T09:30:00.000Z';

const Email = (description: string) =>
  Type.String({ format: 'email', maxLength: 254, description, examples: ['ada@example.org'] });
const Name = (description: string) => Type.String({ maxLength: 200, description });
/** A wrong password is refused by the log-in, not by its schema. */
const GivenPassword = (description: string) =>
  Type.String({ format: 'password', maxLength: 1024, description });
const NewPassword = (description: string) =>
  Type.String({
    format: 'password',
    maxLength: 2 * MAX_PASSWORD_CHARACTERS,
    description: `${description} ${MIN_PASSWORD_CHARACTERS} to ${MAX_PASSWORD_CHARACTERS} characters, hard to guess. Any characters are allowed.`,
  });
const Quota = Type.Unsafe<number | null>({
  type: ['integer', 'null'],
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description:
    'The bytes that the user may store: images, image logs and kept artifacts, each counted in full. Null: no limit.',
});
/** With a name: the Java that is generated for unnamed choices in a set does not compile. */
export const ScopeSchema = StringEnum(SCOPES, {
  $id: 'Scope',
  description: 'What a credential may do.',
});
const Scopes = (description: string) =>
  Type.Array(SchemaRef(ScopeSchema), { maxItems: SCOPES.length, uniqueItems: true, description });

export const UserSchema = Type.Object(
  {
    id: Uuid(),
    email: Type.String({ description: 'In lower case.' }),
    name: Type.String(),
    role: StringEnum(ROLES),
    disabled: Type.Boolean({ description: 'A disabled user is refused everywhere, also with API keys.' }),
    storage_quota_bytes: Quota,
    stored_bytes: Type.Integer({ description: 'The bytes that count towards the quota.' }),
    created_at: Timestamp(),
    updated_at: Timestamp(),
  },
  {
    $id: 'User',
    description: 'Somebody who may use the service.',
    examples: [
      {
        id,
        email: 'ada@example.org',
        name: 'Ada',
        role: 'user',
        disabled: false,
        storage_quota_bytes: null,
        stored_bytes: 829183,
        created_at: time,
        updated_at: time,
      },
    ],
  },
);

export const UserPageSchema = PageOf('User', 'A page of users.');

/** What an administrator may set. */
export const NewUserSchema = Type.Object(
  {
    email: Email('The address to log in with. Case does not matter.'),
    password: Type.Optional(NewPassword('Without it, nobody can log in as this user until one is set.')),
    name: Type.Optional(Name('For people. Default: empty.')),
    role: Type.Optional(StringEnum(ROLES, { description: 'Default: `user`.' })),
    storage_quota_bytes: Type.Optional(Quota),
  },
  {
    additionalProperties: false,
    $id: 'CreateUserRequest',
    description: 'A user to create.',
    examples: [{ email: 'ada@example.org', password: 'purple-tram-kitchen-64', name: 'Ada' }],
  },
);
export type NewUserBody = Static<typeof NewUserSchema>;

export const UserChangesSchema = Type.Object(
  {
    email: Type.Optional(Email('A new address to log in with.')),
    password: Type.Optional(NewPassword('A new password. All sessions of the user end.')),
    name: Type.Optional(Name('For people.')),
    role: Type.Optional(StringEnum(ROLES)),
    disabled: Type.Optional(Type.Boolean({ description: 'Whether the user is refused everywhere.' })),
    storage_quota_bytes: Type.Optional(Quota),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    $id: 'UserChanges',
    description: 'What an administrator can change of a user.',
    examples: [{ name: 'Ada Lovelace' }],
  },
);
export type UserChangesBody = Static<typeof UserChangesSchema>;

/** What users may change of themselves. */
export const OwnChangesSchema = Type.Object(
  {
    name: Type.Optional(Name('For people.')),
    email: Type.Optional(Email('A new address to log in with. It needs `current_password`.')),
    current_password: Type.Optional(GivenPassword('Needed to change the e-mail address.')),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    $id: 'OwnChanges',
    description: 'What users can change of themselves.',
    examples: [{ name: 'Ada Lovelace' }],
  },
);
export type OwnChangesBody = Static<typeof OwnChangesSchema>;

export const PasswordChangeSchema = Type.Object(
  {
    current_password: GivenPassword('The password until now.'),
    new_password: NewPassword('The new password.'),
  },
  {
    additionalProperties: false,
    $id: 'PasswordChange',
    description: 'A new password, and the present one.',
    examples: [{ current_password: 'purple-tram-kitchen-64', new_password: 'quiet-harbour-lamp-1873' }],
  },
);

export const SignUpSchema = Type.Object(
  {
    email: Email('The address to log in with. Case does not matter.'),
    password: NewPassword('The password.'),
    name: Type.Optional(Name('For people. Default: empty.')),
  },
  {
    additionalProperties: false,
    $id: 'SignUp',
    description: 'An account to create for oneself.',
    examples: [{ email: 'ada@example.org', password: 'purple-tram-kitchen-64' }],
  },
);

export const SetupSchema = Type.Object(
  {
    setup_token: Type.String({
      format: 'password',
      maxLength: 200,
      description: 'The token that the service has printed when it started.',
    }),
    email: Email('The address to log in with.'),
    password: NewPassword('The password.'),
  },
  {
    additionalProperties: false,
    $id: 'Setup',
    description: 'The first administrator.',
    examples: [
      {
        setup_token: 'cfs_0123456789abcdefghijABCDEFGHIJ0123456789abc',
        email: 'ada@example.org',
        password: 'purple-tram-kitchen-64',
      },
    ],
  },
);

/** OAuth 2.0, 4.3 and 6 (RFC 6749). Values are checked together, because they depend on `grant_type`. */
export const TokenFormSchema = Type.Object(
  {
    grant_type: Type.Optional(
      StringEnum(['password', 'refresh_token'], {
        description: 'What the token is asked for with. Default: `password`.',
      }),
    ),
    username: Type.Optional(
      Type.String({ maxLength: 1024, description: 'The e-mail address, for `password`.' }),
    ),
    password: Type.Optional(GivenPassword('For `password`.')),
    refresh_token: Type.Optional(
      Type.String({ format: 'password', maxLength: 1024, description: 'For `refresh_token`.' }),
    ),
    scope: Type.Optional(
      Type.String({
        maxLength: 1024,
        description:
          'Scopes, separated by blanks, that the session is limited to. Default: all that the user can have.',
      }),
    ),
    client_id: Type.Optional(
      Type.String({ maxLength: 1024, description: 'Ignored: the service has no clients of other parties.' }),
    ),
    client_secret: Type.Optional(
      Type.String({ format: 'password', maxLength: 1024, description: 'Ignored.' }),
    ),
  },
  {
    additionalProperties: false,
    $id: 'TokenForm',
    description: 'A form of OAuth 2.0.',
    examples: [{ grant_type: 'password', username: 'ada@example.org', password: 'purple-tram-kitchen-64' }],
  },
);
export type TokenForm = Static<typeof TokenFormSchema>;

export const TokensSchema = Type.Object(
  {
    access_token: Type.String({ description: 'For `Authorization: Bearer`.' }),
    token_type: StringEnum(['bearer']),
    expires_in: Type.Integer({ description: 'Seconds for which the access token is valid.' }),
    refresh_token: Type.String({
      description:
        'For the next access token, once. Using it again within 20 seconds gives the same tokens; after that, it ends the session.',
    }),
    scope: Type.String({ description: 'The scopes of the session, separated by blanks.' }),
  },
  {
    $id: 'Tokens',
    description: 'The tokens of a session.',
    examples: [
      {
        access_token: 'eyJhbGciOiJFZERTQSJ9.…',
        token_type: 'bearer',
        expires_in: 900,
        refresh_token: 'cfr_…',
        scope: 'images:read images:write',
      },
    ],
  },
);

export const SessionSchema = Type.Object(
  {
    id: Uuid(),
    client: Type.String({ description: 'The `User-Agent` of the log-in.' }),
    scopes: Type.Array(SchemaRef(ScopeSchema)),
    current: Type.Boolean({ description: 'Whether it is the session of this request.' }),
    created_at: Timestamp(),
    last_used_at: Timestamp({ description: 'When it last got an access token.' }),
    expires_at: Timestamp({ description: 'When it ends, although it is in use.' }),
  },
  {
    $id: 'Session',
    description: 'What a log-in has begun.',
    examples: [
      {
        id,
        client: 'Mozilla/5.0',
        scopes: ['images:read'],
        current: true,
        created_at: time,
        last_used_at: time,
        expires_at: '2027-02-18T09:30:00.000Z',
      },
    ],
  },
);

export const SessionPageSchema = PageOf('Session', 'A page of sessions.');

const keyExample = {
  id,
  name: 'nightly import',
  prefix: 'cfk_3kT9sXwQ',
  scopes: ['images:write'],
  used_scopes: [],
  made_by_key_id: null,
  created_at: time,
  expires_at: null,
  last_used_at: null,
};

const apiKeyProperties = {
  id: Uuid(),
  name: Type.String(),
  prefix: Type.String({ description: 'The beginning of the key, by which people recognise it.' }),
  scopes: Type.Array(SchemaRef(ScopeSchema)),
  used_scopes: Type.Array(SchemaRef(ScopeSchema), {
    description: 'The scopes that its requests have needed so far. Written once a minute.',
  }),
  made_by_key_id: Nullable('string', {
    format: 'uuid',
    description: 'The key that has made this one, and with which it ends.',
  }),
  created_at: Timestamp(),
  expires_at: NullableTimestamp({ description: 'When it ends. Null: never.' }),
  last_used_at: NullableTimestamp({ description: 'When it was last used. Written once a minute.' }),
};

export const ApiKeySchema = Type.Object(apiKeyProperties, {
  $id: 'ApiKey',
  description: 'An API key, without the key itself.',
  examples: [keyExample],
});

export const IssuedApiKeySchema = Type.Object(
  {
    ...apiKeyProperties,
    key: Type.String({
      pattern: `^${API_KEY_PATTERN}$`,
      description: 'The key. It cannot be read again.',
    }),
  },
  {
    $id: 'IssuedApiKey',
    description: 'An API key that was just made, with the key itself.',
    examples: [{ ...keyExample, key: `cfk_3kT9sXwQ${'0'.repeat(41)}` }],
  },
);

export const ApiKeyPageSchema = PageOf('ApiKey', 'A page of API keys.');

const KeyName = Type.String({ minLength: 1, maxLength: 200, description: 'What the key is for.' });

export const NewApiKeySchema = Type.Object(
  {
    name: KeyName,
    scopes: Type.Optional(Scopes('What the key may do. Either `scopes` or `preset` is needed.')),
    preset: Type.Optional(
      StringEnum(Object.keys(SCOPE_PRESETS) as [ScopePreset, ...ScopePreset[]], {
        description: `A list of scopes: ${Object.entries(SCOPE_PRESETS)
          .map(([name, scopes]) => `\`${name}\` is ${scopes.join(', ')}`)
          .join('; ')}.`,
      }),
    ),
    expires_at: Type.Optional(
      NullableTimestamp({ description: 'When the key ends. Null, the default: never.' }),
    ),
  },
  {
    additionalProperties: false,
    $id: 'CreateApiKeyRequest',
    description: 'An API key to make.',
    examples: [{ name: 'nightly import', preset: 'read_write' }],
  },
);
export type NewApiKeyBody = Static<typeof NewApiKeySchema>;

export const ApiKeyChangesSchema = Type.Object(
  { name: KeyName },
  {
    additionalProperties: false,
    $id: 'ApiKeyChanges',
    description: 'What can be changed of an API key.',
    examples: [{ name: 'hourly import' }],
  },
);

export const ApiKeyRotationSchema = Type.Object(
  {
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 30 * 24 * 3600,
        description: 'How long the old key is valid beside the new one. Default: a day.',
      }),
    ),
  },
  {
    additionalProperties: false,
    $id: 'ApiKeyRotation',
    description: 'How a key is replaced.',
    examples: [{ overlap_seconds: 3600 }],
  },
);

const workerExample = {
  id,
  name: 'gpu-rack-2',
  prefix: 'cfw_7hQ2pLxE',
  created_at: time,
  last_used_at: null,
};

const workerProperties = {
  id: Uuid(),
  name: Type.String(),
  prefix: Type.String({ description: 'The beginning of the credential, by which people recognise it.' }),
  created_at: Timestamp(),
  last_used_at: NullableTimestamp({
    description: 'When a process with it last claimed work. Written once a minute.',
  }),
};

export const WorkerSchema = Type.Object(workerProperties, {
  $id: 'Worker',
  description: 'The credential of worker processes, without the credential itself.',
  examples: [workerExample],
});

export const IssuedWorkerSchema = Type.Object(
  {
    ...workerProperties,
    key: Type.String({
      pattern: `^${WORKER_KEY_PATTERN}$`,
      description: 'The credential, for `WORKER_CREDENTIAL`. It cannot be read again.',
    }),
  },
  {
    $id: 'IssuedWorker',
    description: 'A credential of worker processes that was just made, with the credential itself.',
    examples: [{ ...workerExample, key: `cfw_7hQ2pLxE${'0'.repeat(41)}` }],
  },
);

export const WorkerPageSchema = PageOf('Worker', 'A page of workers.');

export const NewWorkerSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'Where the worker runs, for people.' }),
  },
  {
    additionalProperties: false,
    $id: 'CreateWorkerRequest',
    description: 'A credential of worker processes to make.',
    examples: [{ name: 'gpu-rack-2' }],
  },
);

export const HandoverRequestSchema = Type.Object(
  { to: Uuid({ description: 'The user who gets everything.' }) },
  {
    additionalProperties: false,
    $id: 'HandoverRequest',
    description: 'Who gets what a user owns.',
    examples: [{ to: id }],
  },
);

export const HandoverSchema = Type.Object(
  {
    images: Type.Integer({ description: 'Images that the other user has now.' }),
    artifacts: Type.Integer({ description: 'Artifacts that the other user has now.' }),
    frame_sets: Type.Integer({ description: 'Frame sets that the other user has now.' }),
    jobs: Type.Integer({ description: 'Jobs that the other user has now.' }),
    duplicates: Type.Integer({
      description:
        'Images that the other user had already. They were deleted, with what was derived from them.',
    }),
  },
  {
    $id: 'Handover',
    description: 'What was handed over.',
    examples: [{ images: 120, artifacts: 300, frame_sets: 2, jobs: 5, duplicates: 1 }],
  },
);

export const AuditEventSchema = Type.Object(
  {
    id: Uuid(),
    created_at: Timestamp(),
    action: StringEnum(AUDIT_ACTIONS),
    actor_id: Uuid({ description: 'The user who did it.' }),
    user_id: Nullable('string', { format: 'uuid', description: 'The user that it was done to, or for.' }),
    address: Type.String({ description: 'The address of the client.' }),
    request_id: Type.String(),
    details: Type.Object(
      {},
      { additionalProperties: Type.String(), description: 'Method and path, and what was changed.' },
    ),
  },
  {
    $id: 'AuditEvent',
    description: 'Something that was done to an account, or for another user.',
    examples: [
      {
        id,
        created_at: time,
        action: 'acted_for_user',
        actor_id: id,
        user_id: '00000000-0000-4000-8000-000000000001',
        address: '203.0.113.7',
        request_id: '01c3a8f0-6b52-4c35-9d6f-0f7a3d0c7a55',
        details: { method: 'GET', path: '/images' },
      },
    ],
  },
);

export const AuditEventPageSchema = PageOf('AuditEvent', 'A page of audit events.');

export const PageQuerySchema = ObjectWithDefaults({ ...PageQuery });

export const UserListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  role: Type.Optional(StringEnum(ROLES, { description: 'Only users with this role.' })),
  email_contains: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 254,
      description: 'Only users whose e-mail address contains this.',
    }),
  ),
});

export const AuditQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  user_id: Type.Optional(Uuid({ description: 'Only events of this user: done by, to or for them.' })),
  action: Type.Optional(StringEnum(AUDIT_ACTIONS, { description: 'Only these events.' })),
});

/** The named schemas, for `addSchema`. */
export const ACCOUNT_SCHEMAS = [
  ScopeSchema,
  UserSchema,
  UserPageSchema,
  NewUserSchema,
  UserChangesSchema,
  OwnChangesSchema,
  PasswordChangeSchema,
  SignUpSchema,
  SetupSchema,
  TokenFormSchema,
  TokensSchema,
  SessionSchema,
  SessionPageSchema,
  ApiKeySchema,
  IssuedApiKeySchema,
  ApiKeyPageSchema,
  NewApiKeySchema,
  ApiKeyChangesSchema,
  ApiKeyRotationSchema,
  WorkerSchema,
  IssuedWorkerSchema,
  WorkerPageSchema,
  NewWorkerSchema,
  HandoverRequestSchema,
  HandoverSchema,
  AuditEventSchema,
  AuditEventPageSchema,
];
