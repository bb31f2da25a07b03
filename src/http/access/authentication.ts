import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { AuditLog } from '../../auth/accounts/audit-log.ts';
import type { Authenticator } from '../../auth/accounts/authenticator.ts';
import type { KeyUsage } from '../../auth/accounts/key-usage.ts';
import type { UserStore } from '../../auth/accounts/users.ts';
import type { OwnerId } from '../../auth/owner.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../../auth/principal.ts';
import { SCOPES, type Scope } from '../../auth/scopes.ts';
import { API_KEY_PREFIX } from '../../auth/tokens/api-key-format.ts';
import { AppError } from '../../core/errors.ts';
import { CHALLENGE } from '../problems/problems.ts';
import { headerError, isRepeated } from '../requests/header-faults.ts';
import { varyBy } from '../requests/negotiation.ts';
import { bearerToken } from './bearer-token.ts';
import type { RouteAccess } from './route-access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request. Routes that are `public` must not ask. */
    principal: Principal;
    /** The user on whose behalf the request is served. */
    owner: OwnerId;
    /** Whether the credential would still be accepted. For answers that take long. */
    isStillAuthorized(): Promise<boolean>;
  }
}

export interface AuthenticationOptions {
  mode: 'required' | 'disabled';
  authenticator: Authenticator;
  keyUsage: KeyUsage;
  users: UserStore;
  audit: AuditLog;
}

/** The header in which an administrator names the user to act for. */
const ON_BEHALF_OF = 'x-on-behalf-of';

/** The routes on which an administrator can act for a user: those to what users own, and to their sessions and API keys. */
const ACTABLE = /^(images|frames|jobs):|^authenticated$/;

/** The failures that mean that a credential is no longer good. */
const REFUSALS: readonly string[] = ['invalid_credential', 'insufficient_scope', 'log_in_required'];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Authenticates every request to a route that is not public, and checks that the route allows it. */
export const authentication = fp(async (app, options: AuthenticationOptions) => {
  app.decorateRequest('principal');
  app.decorateRequest('owner');
  app.decorateRequest('isStillAuthorized', async function (this: FastifyRequest) {
    const { access = 'public' } = this.routeOptions.config;
    if (options.mode === 'disabled') return true;
    try {
      const principal = await options.authenticator.authenticate(readCredential(this));
      authorize(principal, access);
      return this.principal.actingFor === null || principal.scopes.has('admin');
    } catch (error) {
      // While the database is away, nobody knows.
      return !(error instanceof AppError && REFUSALS.includes(error.code));
    }
  });

  app.addHook('onRequest', async (request, reply) => {
    // Fastify has set it for every path that exists.
    const { access = 'public' } = request.routeOptions.config;
    if (access === 'public' || access === 'worker') return;
    const principal = options.mode === 'disabled' ? LOCAL_PRINCIPAL : await identify(request, reply, options);
    authorize(principal, access);
    const { credential } = principal;
    if (credential.type === 'api_key') options.keyUsage.note(credential.id, toScope(access));
    await setOwner(principal, access, request, options);
  });
});

/** @throws AppError `authentication_required`, `invalid_credential`, `malformed_request` */
async function identify(
  request: FastifyRequest,
  reply: FastifyReply,
  { authenticator }: AuthenticationOptions,
): Promise<Principal> {
  // Even the refusal is about this client. Routes that send content say more.
  reply.header('cache-control', 'private, no-cache');
  varyBy(reply, 'Authorization', 'X-API-Key');
  try {
    return await authenticator.authenticate(readCredential(request));
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_credential')
      reply.header('www-authenticate', `${CHALLENGE}, error="invalid_token"`);
    throw error;
  }
}

function readCredential({ headers, raw }: FastifyRequest): string {
  const { authorization, 'x-api-key': apiKey } = headers;
  for (const name of ['Authorization', 'X-API-Key']) {
    if (isRepeated(raw, name))
      throw new AppError('malformed_request', `A request must have only one ${name} header.`);
  }
  if (authorization !== undefined && apiKey !== undefined) {
    throw new AppError(
      'malformed_request',
      'Send a credential in Authorization or in X-API-Key, not in both.',
    );
  }
  if (typeof apiKey === 'string' && apiKey !== '') {
    if (apiKey.startsWith(API_KEY_PREFIX)) return apiKey;
    throw new AppError(
      'invalid_credential',
      'X-API-Key takes only API keys. Send an access token in Authorization: Bearer.',
    );
  }
  const token = bearerToken(authorization);
  if (token !== undefined) return token;
  if (authorization === undefined) {
    throw new AppError(
      'authentication_required',
      'Send an access token or an API key in Authorization: Bearer, or an API key in X-API-Key.',
    );
  }
  throw new AppError('invalid_credential', 'Send the token in Authorization after Bearer and a blank.');
}

/** @throws AppError `insufficient_scope`, `log_in_required` */
function authorize({ scopes, credential }: Principal, access: RouteAccess): void {
  if (access === 'public' || access === 'worker' || access === 'authenticated') return;
  if (access === 'session') {
    if (credential.type !== 'api_key') return;
    throw new AppError(
      'log_in_required',
      'An API key cannot do this. Log in at POST /auth/token, and send the access token.',
    );
  }
  if (scopes.has(access)) return;
  throw insufficientScope(access);
}

/** The scope that a route needs, if it needs one. */
const toScope = (access: RouteAccess): Scope | undefined => SCOPES.find((scope) => scope === access);

function insufficientScope(scope: Scope): AppError {
  return new AppError(
    'insufficient_scope',
    `This needs the scope ${scope}, which the credential does not have.`,
    { scope },
  );
}

/** Sets whose request it is: that of the principal, or of the user whom an administrator acts for, which is audited. */
async function setOwner(
  principal: Principal,
  access: RouteAccess,
  request: FastifyRequest,
  { users, audit, keyUsage }: AuthenticationOptions,
): Promise<void> {
  const given = request.headers[ON_BEHALF_OF];
  request.principal = principal;
  request.owner = principal.id;
  if (given === undefined) return;
  const refuse = (expected: string) =>
    headerError(request, 'validation_failed', `${ON_BEHALF_OF} cannot be used like this.`, {
      name: ON_BEHALF_OF,
      expected,
    });
  if (!principal.scopes.has('admin')) throw insufficientScope('admin');
  if (!ACTABLE.test(access)) throw refuse('no header, because this operation is not about what users own,');
  const owner = typeof given === 'string' && UUID.test(given) ? await users.findOwner(given) : undefined;
  if (owner === undefined) throw refuse('the id of a user');
  request.principal = { ...principal, actingFor: owner };
  request.owner = owner;
  const { credential } = principal;
  if (credential.type === 'api_key') keyUsage.note(credential.id, 'admin');
  await audit.record('acted_for_user', principal, owner, request);
}
