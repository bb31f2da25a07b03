import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { bytesContent } from '../core/schema.ts';
import { LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { IdParamsSchema } from '../http/responses/responses.ts';
import { errorReport } from './error-report.ts';
import { MANIFEST, type ResultServices, resultArchive } from './result-archive.ts';

export interface JobResultRoutesOptions {
  jobResults: ResultServices;
}

const tags = ['jobs'];

/** What a job has made and what has failed, as files. */
export const jobResultRoutes: FastifyPluginAsyncTypebox<JobResultRoutesOptions> = async (
  app,
  { jobResults },
) => {
  const { store } = jobResults;

  app.get(
    '/jobs/:id/results',
    {
      config: { access: 'images:read' },
      schema: {
        operationId: 'getJobResults',
        tags,
        summary: 'The results of a job as a ZIP file',
        description:
          'The files of all artifacts that the job has made so far, in the order of its items: pictures, masks with their segments, histograms. Their names begin with the position of the item. ' +
          `\`${MANIFEST}\`, at the end, has the job and all items: the names of their files, or why they failed. The archive is made while it is sent, so its size is not known before. ` +
          'Read it by its directory, like every ZIP file that is streamed (in Java, with `ZipFile`).',
        params: IdParamsSchema,
        response: {
          200: { description: 'The archive.', content: bytesContent('application/zip') },
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request, reply) => {
      const job = await store.get(request.owner, request.params.id);
      reply
        .type('application/zip')
        .header('content-disposition', `attachment; filename="job-${job.id}.zip"`)
        .header('cache-control', 'private, no-store');
      return reply.send(request.method === 'HEAD' ? Readable.from([]) : resultArchive(job, jobResults));
    },
  );

  app.get(
    '/jobs/:id/errors',
    {
      config: { access: 'jobs:read' },
      schema: {
        operationId: 'getJobErrors',
        tags,
        summary: 'What failed in a job, as CSV',
        description:
          'A row for each item so far that failed, expired or was cancelled: `position`, `input_type`, `input_id`, `state`, `attempts`, `code`, `detail`, `ended_at`.',
        params: IdParamsSchema,
        response: {
          200: { description: 'The rows, after a header.', content: bytesContent('text/csv') },
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request, reply) => {
      const job = await store.get(request.owner, request.params.id);
      reply
        .type('text/csv')
        .header('content-disposition', `attachment; filename="job-${job.id}-errors.csv"`)
        .header('cache-control', 'private, no-store');
      const rows = request.method === 'HEAD' ? [] : errorReport(job, store);
      return reply.send(Readable.from(rows, { objectMode: false }));
    },
  );
};
