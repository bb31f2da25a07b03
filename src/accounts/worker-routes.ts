import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { AuditLog } from '../auth/accounts/audit-log.ts';
import type { WorkerStore } from '../auth/accounts/workers.ts';
import { JSON_BODY_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { pageBody } from '../http/responses/next-page.ts';
import {
  createdResponse,
  emptyResponse,
  IdParamsSchema,
  jsonResponse,
  pageResponse,
} from '../http/responses/responses.ts';
import { toWorkerResponse } from './responses.ts';
import { NewWorkerSchema, PageQuerySchema } from './schemas.ts';

const tags = ['workers'];

/** `/workers`: the credentials with which processes on other machines work on jobs. */
export const workerCredentialRoutes: FastifyPluginAsyncTypebox<{
  workers: WorkerStore;
  audit: AuditLog;
}> = async (app, { workers, audit }) => {
  app.post(
    '/workers',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'createWorker',
        tags,
        summary: 'Make a credential for workers',
        description:
          'The answer shows the credential, which cannot be read again. It can only claim items of jobs (`QUEUE_URL`); several processes may share one.',
        body: NewWorkerSchema,
        response: {
          201: createdResponse('IssuedWorker', 'The credential.'),
          ...problemResponses(...JSON_BODY_CODES, 'validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { key, worker } = await workers.create(request.body.name);
      await audit.record('created_worker', request.principal, request.principal.id, request, {
        worker_id: worker.id,
      });
      return reply
        .code(201)
        .header('location', `/workers/${worker.id}`)
        .header('cache-control', 'no-store')
        .send({ ...toWorkerResponse(worker), key });
    },
  );

  app.get(
    '/workers',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'listWorkers',
        tags,
        summary: 'List the credentials of workers',
        description: 'Newest first, one page at a time.',
        querystring: PageQuerySchema,
        response: {
          200: pageResponse('WorkerPage', 'A page of workers.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => pageBody(request, reply, await workers.list(request.query), toWorkerResponse),
  );

  app.get(
    '/workers/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'getWorker',
        tags,
        summary: 'Get the credential of a worker',
        description: 'With the time when it last claimed. The credential itself cannot be read again.',
        params: IdParamsSchema,
        response: { 200: jsonResponse('Worker', 'The worker.'), ...problemResponses(...LOOKUP_CODES) },
      },
    },
    async (request) => toWorkerResponse(await workers.get(request.params.id)),
  );

  app.delete(
    '/workers/:id',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'deleteWorker',
        tags,
        summary: 'Revoke the credential of a worker',
        description:
          'Its processes claim nothing more, and what they are working on at the moment is refused and given to others when its lease ends.',
        params: IdParamsSchema,
        response: {
          204: emptyResponse('The credential is revoked.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await workers.delete(id);
      await audit.record('deleted_worker', request.principal, request.principal.id, request, {
        worker_id: id,
      });
      return reply.code(204).send();
    },
  );
};
