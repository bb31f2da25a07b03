import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { ErrorCode } from '../core/errors.ts';
import { JSON_BODY_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { pageBody } from '../http/responses/next-page.ts';
import { emptyResponse, IdParamsSchema, jsonResponse, pageResponse } from '../http/responses/responses.ts';
import type { JobStore } from './queue/job-store.ts';
import { toJobItemResponse, toJobResponse } from './responses.ts';
import { JobItemListQuerySchema, JobListQuerySchema } from './schemas.ts';

export interface JobRoutesOptions {
  jobs: { store: JobStore };
  blobs: { forget(sha256s: readonly Buffer[]): void };
}

const tags = ['jobs'];

const CHANGE_CODES: readonly ErrorCode[] = [...LOOKUP_CODES, 'conflict'];

/** `/jobs`: what became of work in the background. */
export const jobRoutes: FastifyPluginAsyncTypebox<JobRoutesOptions> = async (
  app,
  { jobs: { store }, blobs },
) => {
  app.get(
    '/jobs',
    {
      config: { access: 'jobs:read' },
      schema: {
        operationId: 'listJobs',
        tags,
        summary: 'List jobs',
        description:
          'Newest first, a page at a time. Jobs are kept for `JOB_RETENTION_SECONDS` after they have ended.',
        querystring: JobListQuerySchema,
        response: {
          200: pageResponse('JobPage', 'A page of jobs.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { state, operation, created_after: after, created_before: before, ...page } = request.query;
      const options = {
        ...page,
        states: state,
        operation,
        createdAfter: after === undefined ? undefined : new Date(after),
        createdBefore: before === undefined ? undefined : new Date(before),
      };
      return pageBody(request, reply, await store.list(request.owner, options), toJobResponse);
    },
  );

  app.get(
    '/jobs/:id',
    {
      config: { access: 'jobs:read' },
      schema: {
        operationId: 'getJob',
        tags,
        summary: 'A job',
        description:
          'Its state and progress. `GET /jobs/{id}/events` tells of every change without being asked again.',
        params: IdParamsSchema,
        response: { 200: jsonResponse('Job', 'The job.'), ...problemResponses(...LOOKUP_CODES) },
      },
    },
    async (request) => toJobResponse(await store.get(request.owner, request.params.id)),
  );

  app.get(
    '/jobs/:id/items',
    {
      config: { access: 'jobs:read' },
      schema: {
        operationId: 'listJobItems',
        tags,
        summary: 'The items of a job',
        description:
          'In the order of the request, a page at a time: the state of each, its result, or why it failed.',
        params: IdParamsSchema,
        querystring: JobItemListQuerySchema,
        response: {
          200: pageResponse('JobItemPage', 'A page of items.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request, reply) => {
      const { state, ...page } = request.query;
      const found = await store.items(request.owner, request.params.id, { ...page, states: state });
      return pageBody(request, reply, found, toJobItemResponse);
    },
  );

  app.post(
    '/jobs/:id/cancel',
    {
      config: { access: 'jobs:write' },
      schema: {
        operationId: 'cancelJob',
        tags,
        summary: 'Cancel a job',
        description:
          'Items that have not started never start, and running ones are stopped. What is done stays. Until the last running item has stopped, the job is `running`, ' +
          'with the time in `cancel_requested_at`. A job that was cancelled before stays as it is; 409 if it has ended in another way.',
        params: IdParamsSchema,
        response: {
          200: jsonResponse('Job', 'The job.'),
          ...problemResponses(...JSON_BODY_CODES, ...CHANGE_CODES),
        },
      },
    },
    async (request) => toJobResponse(await store.cancel(request.owner, request.params.id)),
  );

  app.post(
    '/jobs/:id/retry',
    {
      config: { access: 'jobs:write' },
      schema: {
        operationId: 'retryJob',
        tags,
        summary: 'Try again what failed',
        description:
          'Queues the items again that failed, expired or were cancelled. 409 if the job has not ended, or all its items succeeded.',
        params: IdParamsSchema,
        response: {
          200: jsonResponse('Job', 'The job.'),
          ...problemResponses(...JSON_BODY_CODES, ...CHANGE_CODES),
        },
      },
    },
    async (request) => toJobResponse(await store.retry(request.owner, request.params.id)),
  );

  app.delete(
    '/jobs/:id',
    {
      config: { access: 'jobs:write' },
      schema: {
        operationId: 'deleteJob',
        tags,
        summary: 'Delete a job that has ended',
        description:
          'Deletes the record. What the job has made stays. 409 if it has not ended: cancel it first.',
        params: IdParamsSchema,
        response: { 204: emptyResponse('It is deleted.'), ...problemResponses(...CHANGE_CODES) },
      },
    },
    async (request, reply) => {
      blobs.forget(await store.delete(request.owner, request.params.id));
      return reply.code(204).send();
    },
  );
};
