import { SCOPES, type Scope } from '../../auth/scopes.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { RouteAccess } from '../access/route-access.ts';
import { PROBLEM_MEDIA_TYPE, problemResponsesOf } from '../problems/problems.ts';

const DESCRIPTIONS: Readonly<Record<Scope, string>> = {
  'images:read': 'Read images and artifacts, and get results computed from them',
  'images:write': 'Upload, rename and delete images; store and delete artifacts',
  'frames:read': 'Read image logs and frames',
  'frames:write': 'Upload, rename and delete image logs',
  'jobs:read': 'Read background jobs',
  'jobs:write': 'Start and cancel background jobs',
  'metrics:read': 'Read the metrics',
  admin: 'Manage users, and act for them',
};

/** The ways to authenticate, as `components.securitySchemes`. */
export function securitySchemes(publicUrl: string | undefined) {
  const tokenUrl = `${publicUrl?.replace(/\/$/, '') ?? ''}/auth/token`;
  const scopes = Object.fromEntries(SCOPES.map((scope) => [scope, DESCRIPTIONS[scope]]));
  return {
    access_token: {
      type: 'oauth2',
      description:
        'Log in with e-mail address and password. For the users of this service, not for programs of others. Without a choice of scopes, the token has all that the user can have.',
      flows: { password: { tokenUrl, refreshUrl: tokenUrl, scopes } },
    },
    api_key: {
      type: 'apiKey',
      in: 'header',
      name: 'X-API-Key',
      description: 'An API key (`POST /api-keys`). `Authorization: Bearer` accepts it, too.',
    },
  } as const;
}

/** The failures of every route that is not public. All but the first two are also those of `X-On-Behalf-Of`. */
const ACCESS_CODES: readonly ErrorCode[] = [
  'authentication_required',
  'invalid_credential',
  'insufficient_scope',
  'validation_failed',
  'database_unavailable',
];

/** What is used here of the schema of a route. */
export interface RouteSchema {
  description?: string;
  response?: Record<number, { content?: Record<string, { schema: { $ref: string }; examples: object }> }>;
}

/** What the document says of an operation because of who may use it: its security, its problems, and a sentence for readers. */
export function describeAccess(schema: RouteSchema, access: RouteAccess | undefined): object {
  if (access === undefined || access === 'public' || access === 'worker') return { security: [] };
  const isSession = access === 'session';
  const scopes = access === 'authenticated' || isSession ? [] : [access];
  return {
    description: [schema.description, sentence(access)].filter(Boolean).join('\n\n'),
    security: [{ access_token: scopes }, ...(isSession ? [] : [{ api_key: [] }])],
    response: withProblems(schema, isSession ? [...ACCESS_CODES, 'log_in_required'] : ACCESS_CODES),
  };
}

function sentence(access: Exclude<RouteAccess, 'public' | 'worker'>): string {
  if (access === 'authenticated') return 'Needs any credential.';
  if (access === 'session') return 'Needs an access token; an API key is not enough.';
  return `Needs the scope \`${access}\`.`;
}

/** The responses, with further codes. */
function withProblems({ response = {} }: RouteSchema, codes: readonly ErrorCode[]) {
  const problems = Object.values(response).flatMap(({ content }) => content?.[PROBLEM_MEDIA_TYPE] ?? []);
  const schema = problems[0]?.schema.$ref.replace(/#$/, '') ?? 'Problem';
  const known = problems.flatMap(({ examples }) => Object.keys(examples) as ErrorCode[]);
  return { ...response, ...problemResponsesOf(schema, [...known, ...codes]) };
}
