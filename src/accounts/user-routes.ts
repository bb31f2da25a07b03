import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Accounts } from '../auth/accounts/accounts.ts';
import type { AuditLog } from '../auth/accounts/audit-log.ts';
import type { UserChanges } from '../auth/accounts/users.ts';
import { LOCAL_OWNER, type OwnerId } from '../auth/owner.ts';
import { AppError } from '../core/errors.ts';
import { parameterError } from '../core/faults.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import { JSON_BODY_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { pageBody } from '../http/responses/next-page.ts';
import {
  createdResponse,
  emptyResponse,
  IdParamsSchema,
  jsonResponse,
  pageResponse,
} from '../http/responses/responses.ts';
import type { OwnedContent } from './owned-content.ts';
import { toUserResponse } from './responses.ts';
import {
  HandoverRequestSchema,
  NewUserSchema,
  OwnChangesSchema,
  PasswordChangeSchema,
  UserChangesSchema,
  UserListQuerySchema,
} from './schemas.ts';

const tags = ['users'];

export interface UserRoutesOptions {
  accounts: Accounts;
  ownedContent: OwnedContent;
  audit: AuditLog;
  mode: 'required' | 'disabled';
}

const CHANGE_CODES = [
  ...JSON_BODY_CODES,
  ...LOOKUP_CODES,
  'log_in_failed',
  'too_many_attempts',
  'email_taken',
  'conflict',
  'overloaded',
] as const;

/** `/users`: what users see and change of themselves, and what administrators do with users. */
export const userRoutes: FastifyPluginAsyncTypebox<UserRoutesOptions> = async (
  app,
  { accounts, ownedContent, audit, mode },
) => {
  const { users } = accounts;

  const deleteWithContent = async (id: OwnerId) => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await ownedContent.delete(id);
      if (await users.delete(id)) return;
      // An upload has ended that had begun before.
    }
    throw new AppError('conflict', 'The user is uploading at the moment; try again when that has ended.');
  };

  app.get(
    '/users/me',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'getMe',
        tags,
        summary: 'The user of this request',
        description:
          'With the quota and what is used of it. While authentication is off, there is no user unless there is an administrator.',
        response: {
          200: jsonResponse('User', 'The user.'),
          ...problemResponses('not_found', 'validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request) => toUserResponse(await users.get(request.owner)),
  );

  app.patch(
    '/users/me',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'updateMe',
        tags,
        summary: "Change one's own name or e-mail address",
        description: 'Only the given fields are changed. Role and quota are set by administrators.',
        body: OwnChangesSchema,
        response: {
          200: jsonResponse('User', 'The user as it is now.'),
          ...problemResponses(...CHANGE_CODES),
        },
      },
    },
    async (request, reply) => {
      const { name, email, current_password: password } = request.body;
      const user = await users.get(request.owner);
      if (email !== undefined) {
        if (password === undefined)
          throw parameterError('/current_password', 'the password together with email', undefined);
        const claim = { email: user.email, password, address: request.ip };
        await accounts.logIn.verify(claim, clientSignal(reply));
      }
      const changes = { ...(name === undefined ? {} : { name }), ...(email === undefined ? {} : { email }) };
      return toUserResponse(await users.update(user.id, changes));
    },
  );

  app.post(
    '/users/me/password',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'changePassword',
        tags,
        summary: "Change one's own password",
        description: 'All other sessions end. API keys stay.',
        body: PasswordChangeSchema,
        response: { 204: emptyResponse('The password is changed.'), ...problemResponses(...CHANGE_CODES) },
      },
    },
    async (request, reply) => {
      const { current_password: current, new_password: next } = request.body;
      const { credential } = request.principal;
      const kept = credential.type === 'session' ? credential.id : undefined;
      const user = await users.get(request.owner);
      await accounts.changePassword(user, { current, next, address: request.ip }, kept, clientSignal(reply));
      await audit.record('changed_password', request.principal, user.id, request);
      return reply.code(204).send();
    },
  );

  app.get(
    '/users',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'listUsers',
        tags,
        summary: 'List users',
        description: 'Newest first, one page at a time.',
        querystring: UserListQuerySchema,
        response: {
          200: pageResponse('UserPage', 'A page of users.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => pageBody(request, reply, await users.list(request.query), toUserResponse),
  );

  app.post(
    '/users',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'createUser',
        tags,
        summary: 'Create a user',
        description: 'The user can log in at once, if a password is given.',
        body: NewUserSchema,
        response: { 201: createdResponse('User', 'The user.'), ...problemResponses(...CHANGE_CODES) },
      },
    },
    async (request, reply) => {
      const {
        email,
        password,
        name = '',
        role = 'user',
        storage_quota_bytes: storageQuotaBytes,
      } = request.body;
      const user = await accounts.create({ email, name, role, password, storageQuotaBytes });
      await audit.record('created_user', request.principal, user.id, request, { role });
      return reply.code(201).header('location', `/users/${user.id}`).send(toUserResponse(user));
    },
  );

  app.get(
    '/users/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'getUser',
        tags,
        summary: 'A user',
        description: 'With the quota and what is used of it.',
        params: IdParamsSchema,
        response: { 200: jsonResponse('User', 'The user.'), ...problemResponses(...LOOKUP_CODES) },
      },
    },
    async (request) => toUserResponse(await users.get(request.params.id)),
  );

  app.patch(
    '/users/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'updateUser',
        tags,
        summary: 'Change a user',
        description:
          'Only the given fields are changed. A disabled user is refused from now on, with all tokens and API keys. The last administrator who can log in keeps role and access.',
        params: IdParamsSchema,
        body: UserChangesSchema,
        response: {
          200: jsonResponse('User', 'The user as it is now.'),
          ...problemResponses(...CHANGE_CODES, 'last_admin'),
        },
      },
    },
    async (request) => {
      const { password, disabled, storage_quota_bytes: storageQuotaBytes, ...same } = request.body;
      const changes: UserChanges = {
        ...same,
        ...(disabled === undefined ? {} : { isDisabled: disabled }),
        ...(storageQuotaBytes === undefined ? {} : { storageQuotaBytes }),
      };
      const user = await accounts.update(request.params.id, changes, password);
      const fields = Object.keys(request.body).join(', ');
      await audit.record('updated_user', request.principal, user.id, request, { fields });
      return toUserResponse(user);
    },
  );

  app.post(
    '/users/:id/hand-over',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'handOverContent',
        tags,
        summary: 'Give everything that a user owns to another user',
        description:
          'Images, artifacts, image logs and jobs, for example before the user is deleted. All of it must fit into the quota of the other user. Images that the other user has already are deleted, with what was derived from them.',
        params: IdParamsSchema,
        body: HandoverRequestSchema,
        response: {
          200: jsonResponse('Handover', 'What was handed over.'),
          ...problemResponses(...JSON_BODY_CODES, ...LOOKUP_CODES, 'quota_exceeded', 'conflict'),
        },
      },
    },
    async (request) => {
      const from = await users.get(request.params.id);
      const to = await users.findOwner(request.body.to);
      if (to === undefined || to === from.id)
        throw parameterError('/to', 'the id of another user', request.body.to);
      const { images, artifacts, frameSets, jobs, duplicates } = await ownedContent.handOver(from.id, to);
      await audit.record('updated_user', request.principal, from.id, request, { handed_over_to: to });
      return { images, artifacts, frame_sets: frameSets, jobs, duplicates };
    },
  );

  app.delete(
    '/users/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'deleteUser',
        tags,
        summary: 'Delete a user',
        description:
          'With sessions, API keys and everything that the user owns, or hand that over to another user first (`POST /users/{id}/hand-over`). The user is disabled at once; deleting many images takes a while. While an upload of the user is still running, the answer is 409. The deletion can be repeated.',
        params: IdParamsSchema,
        response: {
          204: emptyResponse('The user is deleted.'),
          ...problemResponses(...LOOKUP_CODES, 'last_admin', 'conflict'),
        },
      },
    },
    async (request, reply) => {
      const user = await users.get(request.params.id);
      if (mode === 'disabled' && user.id === LOCAL_OWNER) {
        throw new AppError('conflict', 'While authentication is off, requests are made as this user.');
      }
      await users.update(user.id, { isDisabled: true });
      await deleteWithContent(user.id);
      await audit.record('deleted_user', request.principal, user.id, request, { email: user.email });
      return reply.code(204).send();
    },
  );
};
