import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { EventStreams, eventResponses, type ServerEvent } from '../http/responses/event-stream.ts';
import { IdParamsSchema } from '../http/responses/responses.ts';
import { followJob, followJobs } from './events/follow-jobs.ts';
import type { Job } from './queue/job.ts';
import type { JobSignals } from './queue/job-signals.ts';
import type { JobStore } from './queue/job-store.ts';
import { toJobResponse } from './responses.ts';

export interface JobEventRoutesOptions {
  jobs: { store: JobStore; signals: JobSignals; maxStreams: number };
}

const tags = ['jobs'];

const EVENTS =
  'A stream of server-sent events (`EventSource`). Each event is a snapshot: its data is the job as `GET /jobs/{id}` shows it, so that a client that reads slowly or connects again ' +
  'misses nothing that matters. `event: job` comes at most ten times a second for a job, `event: end` when it has ended, and `event: deleted` with its `id` if it was deleted. ' +
  'Comments keep the connection open. The stream ends with the credential of the request.';

/** Progress of jobs as server-sent events. */
export const jobEventRoutes: FastifyPluginAsyncTypebox<JobEventRoutesOptions> = async (app, { jobs }) => {
  const streams = new EventStreams(jobs.maxStreams);
  app.addHook('preClose', async () => streams.close());

  app.get(
    '/jobs/:id/events',
    {
      config: { access: 'jobs:read' },
      schema: {
        operationId: 'followJob',
        tags,
        summary: 'Follow a job',
        description: `${EVENTS} The id of an event is the version of the job. The last event is \`end\`; a client that connects again after it gets a 204, which stops an \`EventSource\`.`,
        params: IdParamsSchema,
        response: {
          ...eventResponses('Snapshots of the job, until it has ended.'),
          ...problemResponses(...LOOKUP_CODES, 'too_many_streams'),
        },
      },
    },
    async (request, reply) => {
      const { owner } = request;
      const id = request.params.id.toLowerCase();
      const job = await jobs.store.get(owner, id);
      if (job.endedAt !== null && lastEventId(request) === String(job.version)) return reply.code(204).send();
      return streams.send(request, reply, async function* (signal) {
        for await (const snapshot of followJob(jobs, owner, id, signal)) {
          yield snapshot === undefined
            ? { event: 'deleted', id: '', data: { id } }
            : toEvent(snapshot, String(snapshot.version));
        }
      });
    },
  );

  app.get(
    '/job-events',
    {
      config: { access: 'jobs:read' },
      schema: {
        operationId: 'followJobs',
        tags,
        summary: 'Follow all jobs',
        description: `${EVENTS} The stream begins with all jobs that have not ended, and goes on with each one that is created or changed. A browser has only six connections to a host, so use one stream for all jobs. The id of an event is a time; a client that connects again with it in \`Last-Event-ID\` also gets the jobs that have ended since. The same snapshot may come again then, with the same \`version\`.`,
        response: {
          ...eventResponses('Snapshots of the jobs, without an end.'),
          ...problemResponses('validation_failed', 'database_unavailable', 'too_many_streams'),
        },
      },
    },
    async (request, reply) => {
      const { owner } = request;
      const since = toTime(lastEventId(request));
      return streams.send(request, reply, async function* (signal) {
        for await (const { id, job, seenUntil } of followJobs(jobs, owner, since, signal)) {
          const time = seenUntil.toISOString();
          yield job === undefined ? { event: 'deleted', id: time, data: { id } } : toEvent(job, time);
        }
      });
    },
  );
};

function toEvent(job: Job, id: string): ServerEvent {
  return { event: job.endedAt === null ? 'job' : 'end', id, data: toJobResponse(job) };
}

function lastEventId({ headers }: FastifyRequest): string | undefined {
  const { 'last-event-id': id } = headers;
  return typeof id === 'string' ? id : undefined;
}

/** Whatever is not a time of this century is ignored: it does not come from this stream. */
function toTime(id: string | undefined): Date | undefined {
  if (id === undefined || !/^20\d\d-[\d-]+T[\d:.]+Z$/.test(id)) return undefined;
  const time = new Date(id);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
