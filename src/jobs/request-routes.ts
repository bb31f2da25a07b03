import { Type } from '@sinclair/typebox';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../core/errors.ts';
import { parameterError } from '../core/faults.ts';
import { JSON_BODY_CODES, problemResponses } from '../http/problems/problems.ts';
import { MAX_JSON_BYTES } from '../http/requests/json-bodies.ts';
import { acceptedTypes, varyBy } from '../http/requests/negotiation.ts';
import { createdResponse, jsonResponse, plainJson } from '../http/responses/responses.ts';
import {
  completeRequest,
  JOB_REQUEST,
  JobHeadersSchema,
  type JobRequest,
  jobRequestBody,
} from './request-schemas.ts';
import { toJobResponse } from './responses.ts';
import type { Submissions } from './submission.ts';

export interface JobRequestRoutesOptions {
  submissions: Submissions;
}

const tags = ['jobs'];

/** An id in quotes with a comma, an indentation and a line break. */
const BYTES_PER_ID = 64;

const CODES: readonly ErrorCode[] = [
  'validation_failed',
  'not_acceptable',
  'conflict',
  'database_unavailable',
  ...JSON_BODY_CODES,
];

/** They select images by a filter, because the ids of an example exist nowhere. */
const EXAMPLES = {
  thumbnails: {
    summary: 'Thumbnails of all images in some formats',
    value: {
      operation: 'resize',
      parameters: { width: 300, format: 'webp' },
      filter: { format: ['jpeg', 'png'] },
    },
  },
  histograms: {
    summary: 'Histograms, after everything that is more urgent',
    value: { operation: 'histogram', filter: { format: ['jpeg', 'png'] }, priority: 'low' },
  },
  pipeline: {
    summary: 'A pipeline',
    value: {
      operation: 'transform',
      parameters: { operations: [{ op: 'resize', width: 800 }, { op: 'grayscale' }] },
      filter: { format: ['jpeg', 'png'] },
    },
  },
};

/** `POST /jobs` and its dry run. */
export const jobRequestRoutes: FastifyPluginAsync<JobRequestRoutesOptions> = async (app, { submissions }) => {
  app.setSerializerCompiler(plainJson);
  const { operations, maxItems } = submissions;
  const body = jobRequestBody(operations, maxItems);
  const options = {
    bodyLimit: MAX_JSON_BYTES + maxItems * BYTES_PER_ID,
    preValidation: async ({ body }: FastifyRequest) => {
      refuseDryRun(body);
      completeRequest(operations, body);
    },
  };
  const config = {
    // It stores what the POST for one image would store.
    access: 'images:write' as const,
    listedValues: maxItems,
    sentBody: Type.Ref(JOB_REQUEST),
    bodyExamples: EXAMPLES,
  };
  const names = [...operations.keys()].map((name) => `\`${name}\``).join(', ');

  app.post<{ Body: JobRequest; Headers: { 'idempotency-key'?: string } }>(
    '/jobs',
    {
      ...options,
      config,
      schema: {
        operationId: 'createJob',
        tags,
        summary: 'Work on many images in the background',
        description:
          `Applies one operation (${names}) to up to ${maxItems} images. Each image becomes an item of the job, whose result is the same artifact as that of ` +
          'the POST for this image alone. The parameters are checked with the first image. An image that is deleted before its item starts fails that item with `not_found`. ' +
          '`POST /jobs/dry-run` takes the same body and only tells what the job would do.',
        headers: JobHeadersSchema,
        body,
        response: {
          201: createdResponse('Job', 'The new job.'),
          200: jsonResponse('Job', 'The job of an earlier request with the same `Idempotency-Key` and body.'),
          ...problemResponses(...CODES),
        },
      },
    },
    async (request, reply) => {
      const { credential } = request.principal;
      const { job, isNew } = await submissions.submit(request.body, {
        owner: request.owner,
        apiKeyId: credential.type === 'api_key' ? credential.id : null,
        requestId: request.id,
        idempotencyKey: request.headers['idempotency-key'],
        accepts: acceptsOf(request, reply),
      });
      if (isNew) reply.header('location', `/jobs/${job.id}`);
      return reply.code(isNew ? 201 : 200).send(toJobResponse(job));
    },
  );

  app.post<{ Body: JobRequest }>(
    '/jobs/dry-run',
    {
      ...options,
      config,
      schema: {
        operationId: 'estimateJob',
        tags,
        summary: 'What a job would do',
        description:
          'Takes the same body as `POST /jobs` and checks it in the same way, but starts nothing. Answers with the number of images, how many of the results exist, and an estimate of the time.',
        body,
        response: {
          200: jsonResponse('JobEstimate', 'What the job would do.'),
          ...problemResponses(...CODES),
        },
      },
    },
    async (request, reply) => submissions.estimate(request.owner, request.body, acceptsOf(request, reply)),
  );
};

function acceptsOf(request: FastifyRequest, reply: FastifyReply): () => readonly string[] {
  return () => {
    varyBy(reply, 'Accept');
    return acceptedTypes(request);
  };
}

/** @throws AppError `validation_failed` for a field with which other services ask for a dry run */
function refuseDryRun(body: unknown): void {
  const { dry_run: given } = Object(body) as { dry_run?: unknown };
  if (given !== undefined)
    throw parameterError('/dry_run', 'no parameter (send the request to POST /jobs/dry-run)', given);
}
