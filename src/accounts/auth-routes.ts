import type { FastifyPluginAsyncTypebox, TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts } from '../auth/accounts/accounts.ts';
import type { OpenSession } from '../auth/accounts/sessions.ts';
import { SCOPES, type Scope } from '../auth/scopes.ts';
import { parameterError, parameterErrors, parameterFault } from '../core/faults.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import { JSON_BODY_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { acceptFormBodies, FORM_TYPE } from '../http/requests/form-bodies.ts';
import { pageBody } from '../http/responses/next-page.ts';
import { emptyResponse, IdParamsSchema, jsonResponse, pageResponse } from '../http/responses/responses.ts';
import { toSessionResponse, toUserResponse } from './responses.ts';
import { PageQuerySchema, SetupSchema, SignUpSchema, type TokenForm, TokenFormSchema } from './schemas.ts';

const tags = ['authentication'];

/** `/auth`: tokens, sessions, the first administrator and sign-up. */
export const authRoutes: FastifyPluginAsyncTypebox<{ accounts: Accounts }> = async (app, { accounts }) => {
  await app.register(async (plain) => {
    const scope = plain.withTypeProvider<TypeBoxTypeProvider>();
    acceptFormBodies(scope);
    scope.post(
      '/auth/token',
      {
        config: { access: 'public' },
        // Some clients send every field of the form.
        preValidation: async ({ body }) => {
          const form = Object(body) as Partial<Record<keyof TokenForm, string>>;
          if (form.grant_type === '') delete form.grant_type;
        },
        schema: {
          operationId: 'createToken',
          tags,
          summary: 'Log in, or get the next access token',
          description:
            'The password form of OAuth 2.0 (`grant_type=password`), for the first-party use of this service: Swagger UI and scripts of its own users. ' +
            'Other programs should get an API key. `grant_type=refresh_token` uses a refresh token, which gives its successor.',
          consumes: [FORM_TYPE],
          body: TokenFormSchema,
          response: {
            200: jsonResponse('Tokens', 'The tokens.'),
            ...problemResponses(
              ...JSON_BODY_CODES,
              'validation_failed',
              'log_in_failed',
              'invalid_credential',
              'insufficient_scope',
              'too_many_attempts',
              'overloaded',
              'database_unavailable',
            ),
          },
        },
      },
      async (request, reply) => {
        const session = await openSession(accounts, request.body, request, reply);
        const { token, expiresIn } = await accounts.accessTokens.sign({
          userId: session.userId,
          sessionId: session.id,
          scopes: session.scopes,
        });
        return reply.header('cache-control', 'no-store').send({
          access_token: token,
          token_type: 'bearer',
          expires_in: expiresIn,
          refresh_token: session.refreshToken,
          scope: session.scopes.join(' '),
        });
      },
    );
  });

  app.post(
    '/auth/setup',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'createFirstAdmin',
        tags,
        summary: 'Create the first administrator',
        description:
          'With the token that the service prints when it starts without an administrator. It works once: not if there is an administrator who can log in. ' +
          'The first administrator owns everything that was stored while authentication was off.',
        body: SetupSchema,
        response: {
          201: jsonResponse('User', 'The administrator.'),
          ...problemResponses(
            ...JSON_BODY_CODES,
            'validation_failed',
            'invalid_credential',
            'too_many_attempts',
            'email_taken',
            'already_set_up',
            'overloaded',
            'database_unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const { setup_token: token, email, password } = request.body;
      const user = await accounts.setUp(token, { email, password, address: request.ip });
      return reply.code(201).send(toUserResponse(user));
    },
  );

  app.post(
    '/auth/sign-up',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'signUp',
        tags,
        summary: 'Create an account for oneself',
        description:
          'Only if the service allows it (`REGISTRATION=open`). Log in with `POST /auth/token` afterwards.',
        body: SignUpSchema,
        response: {
          201: jsonResponse('User', 'The user.'),
          ...problemResponses(
            ...JSON_BODY_CODES,
            'validation_failed',
            'registration_closed',
            'too_many_attempts',
            'email_taken',
            'overloaded',
            'database_unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const { email, password, name = '' } = request.body;
      const user = await accounts.signUp({ email, password, name, address: request.ip }, clientSignal(reply));
      return reply.code(201).send(toUserResponse(user));
    },
  );

  app.post(
    '/auth/log-out',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'logOut',
        tags,
        summary: 'End the session of this request',
        description: 'Its access tokens and its refresh token are refused from now on.',
        response: {
          204: emptyResponse('The session has ended.'),
          ...problemResponses(...JSON_BODY_CODES, 'validation_failed', 'database_unavailable'),
        },
      },
    },
    async ({ principal }, reply) => {
      const { id, credential } = principal;
      // Without authentication, there is no session.
      if (credential.type === 'session') await accounts.sessions.end(id, credential.id);
      return reply.code(204).send();
    },
  );

  app.get(
    '/auth/sessions',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'listSessions',
        tags,
        summary: "List one's own sessions",
        description: 'Where one is logged in, newest first, one page at a time.',
        querystring: PageQuerySchema,
        response: {
          200: pageResponse('SessionPage', 'A page of sessions.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { credential } = request.principal;
      const page = await accounts.sessions.list(request.owner, request.query);
      return pageBody(request, reply, page, (session) =>
        toSessionResponse(session, credential.type === 'session' && credential.id === session.id),
      );
    },
  );

  app.delete(
    '/auth/sessions/:id',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'endSession',
        tags,
        summary: "End one of one's own sessions",
        description: 'Its access tokens and its refresh token are refused from now on.',
        params: IdParamsSchema,
        response: { 204: emptyResponse('The session has ended.'), ...problemResponses(...LOOKUP_CODES) },
      },
    },
    async (request, reply) => {
      await accounts.sessions.end(request.owner, request.params.id);
      return reply.code(204).send();
    },
  );

  app.delete(
    '/auth/sessions',
    {
      config: { access: 'session' },
      schema: {
        operationId: 'endAllSessions',
        tags,
        summary: 'Log out everywhere',
        description: "Ends all of one's own sessions, with that of this request. API keys stay.",
        response: {
          204: emptyResponse('All sessions have ended.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => {
      await accounts.sessions.endAll(request.owner);
      return reply.code(204).send();
    },
  );
};

/** @throws AppError `validation_failed` if a field is missing */
function openSession(
  accounts: Accounts,
  form: TokenForm,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<OpenSession> {
  const { grant_type: type, username, password, refresh_token: token } = form;
  if (type === 'refresh_token') {
    if (token === undefined || token === '')
      throw parameterError('/refresh_token', 'a refresh token', undefined);
    return accounts.sessions.rotate(token);
  }
  const faults = [
    ...(username === undefined ? [parameterFault('/username', 'an e-mail address', username)] : []),
    ...(password === undefined ? [parameterFault('/password', 'a password', undefined)] : []),
  ];
  if (username === undefined || password === undefined) throw parameterErrors(faults);
  const claim = { email: username, password, address: request.ip };
  const client = request.headers['user-agent'] ?? '';
  return accounts.logIn.begin(claim, readScopes(form.scope), client, clientSignal(reply));
}

/** @returns undefined if none are named */
function readScopes(text = ''): Scope[] | undefined {
  const names = text.split(' ').filter((name) => name !== '');
  if (names.length === 0) return undefined;
  const isScope = (name: string): name is Scope => (SCOPES as readonly string[]).includes(name);
  const wrong = names.find((name) => !isScope(name));
  if (wrong !== undefined) throw parameterError('/scope', `scopes from ${SCOPES.join(', ')}`, wrong);
  return [...new Set(names.filter(isScope))];
}
