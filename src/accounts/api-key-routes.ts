import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import type { ApiKeyStore, IssuedApiKey, KeyHolder } from '../auth/accounts/api-keys.ts';
import type { AuditLog } from '../auth/accounts/audit-log.ts';
import type { Principal } from '../auth/principal.ts';
import { SCOPE_PRESETS, type Scope } from '../auth/scopes.ts';
import { AppError } from '../core/errors.ts';
import { parameterError } from '../core/faults.ts';
import { JSON_BODY_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { headerError } from '../http/requests/header-faults.ts';
import { pageBody } from '../http/responses/next-page.ts';
import {
  createdResponse,
  emptyResponse,
  IdParamsSchema,
  jsonResponse,
  pageResponse,
} from '../http/responses/responses.ts';
import { toApiKeyResponse } from './responses.ts';
import {
  ApiKeyChangesSchema,
  ApiKeyRotationSchema,
  type NewApiKeyBody,
  NewApiKeySchema,
  PageQuerySchema,
} from './schemas.ts';

const tags = ['api keys'];

const DAY_SECONDS = 24 * 3600;

export interface ApiKeyRoutesOptions {
  apiKeys: ApiKeyStore;
  audit: AuditLog;
}

/** `/api-keys`: a user's own keys. A request with a key sees that key and those that it has made. */
export const apiKeyRoutes: FastifyPluginAsyncTypebox<ApiKeyRoutesOptions> = async (
  app,
  { apiKeys, audit },
) => {
  app.post(
    '/api-keys',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'createApiKey',
        tags,
        summary: 'Make an API key',
        description:
          'The answer shows the key, which cannot be read again. A key that another key makes has at most the scopes and the life of that key, and ends with it.',
        body: NewApiKeySchema,
        response: {
          201: createdResponse('IssuedApiKey', 'The key.'),
          ...problemResponses(
            ...JSON_BODY_CODES,
            'validation_failed',
            'insufficient_scope',
            'database_unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const { principal, body } = request;
      refuseActing(request);
      const scopes = scopesOf(body);
      const missing = scopes.find((scope) => !principal.scopes.has(scope));
      if (missing !== undefined)
        throw new AppError(
          'insufficient_scope',
          `A key cannot have the scope ${missing}, because the credential of this request does not have it.`,
          { scope: missing },
        );
      const issued = await apiKeys.create(holderOf(request), {
        name: body.name,
        scopes,
        expiresAt: expiryOf(body.expires_at ?? null, principal),
      });
      await audit.record('created_api_key', principal, principal.id, request, {
        api_key_id: issued.apiKey.id,
      });
      return reply
        .code(201)
        .header('location', `/api-keys/${issued.apiKey.id}`)
        .header('cache-control', 'no-store')
        .send(toIssuedResponse(issued));
    },
  );

  app.get(
    '/api-keys',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'listApiKeys',
        tags,
        summary: "List one's own API keys",
        description:
          'Newest first, one page at a time. A request with a key sees that key and those that it has made.',
        querystring: PageQuerySchema,
        response: {
          200: pageResponse('ApiKeyPage', 'A page of API keys.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) =>
      pageBody(request, reply, await apiKeys.list(holderOf(request), request.query), toApiKeyResponse),
  );

  app.get(
    '/api-keys/:id',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'getApiKey',
        tags,
        summary: 'An API key',
        description:
          'With its scopes, those that it has used, and when it was last used. The key itself cannot be read again.',
        params: IdParamsSchema,
        response: { 200: jsonResponse('ApiKey', 'The key.'), ...problemResponses(...LOOKUP_CODES) },
      },
    },
    async (request) => toApiKeyResponse(await apiKeys.get(holderOf(request), request.params.id)),
  );

  app.patch(
    '/api-keys/:id',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'updateApiKey',
        tags,
        summary: 'Rename an API key',
        description: 'The key, its scopes and its expiry stay.',
        params: IdParamsSchema,
        body: ApiKeyChangesSchema,
        response: {
          200: jsonResponse('ApiKey', 'The key as it is now.'),
          ...problemResponses(...JSON_BODY_CODES, ...LOOKUP_CODES),
        },
      },
    },
    async (request) =>
      toApiKeyResponse(await apiKeys.rename(holderOf(request), request.params.id, request.body.name)),
  );

  app.post(
    '/api-keys/:id/shrink',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'shrinkApiKey',
        tags,
        summary: 'Take away the scopes that an API key has not used',
        description: 'The key keeps the scopes in `used_scopes`.',
        params: IdParamsSchema,
        response: {
          200: jsonResponse('ApiKey', 'The key as it is now.'),
          ...problemResponses(...JSON_BODY_CODES, ...LOOKUP_CODES, 'conflict'),
        },
      },
    },
    async (request) => {
      const apiKey = await apiKeys.shrink(holderOf(request), request.params.id);
      await audit.record('changed_api_key', request.principal, request.owner, request, {
        api_key_id: apiKey.id,
      });
      return toApiKeyResponse(apiKey);
    },
  );

  app.post(
    '/api-keys/:id/rotate',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'rotateApiKey',
        tags,
        summary: 'Replace an API key',
        description:
          'Makes a key with the same name, scopes and expiry. The old one is valid for a while, so that programs can change to the new one without a pause.',
        params: IdParamsSchema,
        body: ApiKeyRotationSchema,
        response: {
          201: createdResponse('IssuedApiKey', 'The new key.'),
          ...problemResponses(...JSON_BODY_CODES, ...LOOKUP_CODES, 'conflict'),
        },
      },
    },
    async (request, reply) => {
      const { overlap_seconds: overlap = DAY_SECONDS } = request.body;
      const issued = await apiKeys.rotate(holderOf(request), request.params.id, overlap);
      await audit.record('rotated_api_key', request.principal, request.owner, request, {
        api_key_id: request.params.id,
        new_api_key_id: issued.apiKey.id,
      });
      return reply
        .code(201)
        .header('location', `/api-keys/${issued.apiKey.id}`)
        .header('cache-control', 'no-store')
        .send(toIssuedResponse(issued));
    },
  );

  app.delete(
    '/api-keys/:id',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'deleteApiKey',
        tags,
        summary: 'Revoke an API key',
        description: 'Requests with it, and with keys that it has made, are refused from now on.',
        params: IdParamsSchema,
        response: { 204: emptyResponse('The key is revoked.'), ...problemResponses(...LOOKUP_CODES) },
      },
    },
    async (request, reply) => {
      await apiKeys.delete(holderOf(request), request.params.id);
      await audit.record('deleted_api_key', request.principal, request.owner, request, {
        api_key_id: request.params.id,
      });
      return reply.code(204).send();
    },
  );
};

function holderOf({ owner, principal: { credential, actingFor } }: FastifyRequest): KeyHolder {
  const keyId = credential.type === 'api_key' && actingFor === null ? credential.id : null;
  return { userId: owner, keyId };
}

/** A key of somebody else would outlive the audited request. */
function refuseActing(request: FastifyRequest): void {
  if (request.principal.actingFor === null) return;
  throw headerError(request, 'validation_failed', 'Only users themselves make their API keys.', {
    name: 'x-on-behalf-of',
    expected: 'no header, because a key would stay valid after this request,',
  });
}

/** @throws AppError `validation_failed` unless the body names scopes or a preset */
function scopesOf({ scopes, preset }: NewApiKeyBody): readonly Scope[] {
  if (preset !== undefined) {
    if (scopes !== undefined) throw parameterError('/preset', 'nothing together with scopes', preset);
    return SCOPE_PRESETS[preset];
  }
  if (scopes === undefined || scopes.length === 0)
    throw parameterError('/scopes', 'one or more scopes, or a preset', scopes);
  return scopes;
}

/** @throws AppError `validation_failed` if the key would end in the past, or after the key that makes it */
function expiryOf(given: string | null, { credential }: Principal): Date | null {
  const expiresAt = given === null ? null : new Date(given);
  if (expiresAt !== null && expiresAt.getTime() <= Date.now())
    throw parameterError('/expires_at', 'a time in the future', given);
  const limit = credential.type === 'api_key' ? credential.expiresAt : null;
  if (limit === null) return expiresAt;
  if (expiresAt !== null && expiresAt > limit)
    throw parameterError(
      '/expires_at',
      `a time until ${limit.toISOString()}, when the key of this request ends,`,
      given,
    );
  return expiresAt ?? limit;
}

function toIssuedResponse({ key, apiKey }: IssuedApiKey) {
  return { ...toApiKeyResponse(apiKey), key };
}
