import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { StringEnum } from '../../core/schema.ts';
import type { QueueStats } from '../../processes/admission.ts';
import { problemResponses } from '../problems/problems.ts';
import { jsonResponse } from '../responses/responses.ts';

export interface HealthSources {
  isDatabaseReachable: () => Promise<boolean>;
  /** Whether the embedded database has ended and could not be started again for more than a minute. */
  isDatabaseLost: () => boolean;
  /** All queues by name. */
  queues: Record<string, () => QueueStats>;
}

const LiveSchema = Type.Object(
  { status: StringEnum(['ok', 'failed']) },
  { $id: 'Liveness', description: 'Whether the process can go on without an operator.' },
);

const ReadySchema = Type.Object(
  {
    status: StringEnum(['ready', 'unavailable']),
    checks: Type.Object({
      server: StringEnum(['ok', 'stopping']),
      database: StringEnum(['ok', 'unreachable']),
      queues: Type.Record(Type.String(), StringEnum(['ok', 'full']), {
        description: 'Whether each queue has room for another client, by its name.',
        examples: [{ images: 'ok', image_logs: 'ok', frame_pictures: 'ok', uploads: 'ok' }],
      }),
    }),
  },
  { $id: 'Readiness', description: 'Whether the service can handle requests, and if not, why.' },
);

/** `GET /health/live` and `GET /health/ready`. */
export async function healthRoutes(app: FastifyInstance, sources: HealthSources): Promise<void> {
  app.addSchema(LiveSchema);
  app.addSchema(ReadySchema);

  app.get(
    '/health/live',
    {
      config: { access: 'public', anyHost: true, whileClosing: true },
      schema: {
        operationId: 'getLiveness',
        tags: ['operations'],
        summary: 'Check that the process is alive',
        description:
          'Answers while the process is running, whatever the state of the database. It has failed if its embedded database could not be started again for more than a minute.',
        response: {
          200: jsonResponse('Liveness', 'The process is running.'),
          ...problemResponses(),
          503: jsonResponse('Liveness', 'The embedded database cannot be started again; the log says why.'),
        },
      },
    },
    async (_request, reply) => {
      if (!sources.isDatabaseLost()) return { status: 'ok' };
      return reply.code(503).send({ status: 'failed' });
    },
  );

  app.get(
    '/health/ready',
    {
      config: { access: 'public', anyHost: true, whileClosing: true },
      schema: {
        operationId: 'getReadiness',
        tags: ['operations'],
        summary: 'Check that the service is ready',
        description:
          'Checks that the server is not stopping, that the database answers, and that there is room for image operations, image logs, pictures of frames and uploads of another client. A queue that one client has filled is not full.',
        response: {
          200: jsonResponse('Readiness', 'The service is ready.'),
          ...problemResponses(),
          503: jsonResponse('Readiness', 'The service is not ready; `checks` says why.'),
        },
      },
    },
    async (_request, reply) => {
      const isReachable = await sources.isDatabaseReachable();
      const queues = Object.entries(sources.queues).map(([name, stats]): [string, 'ok' | 'full'] => {
        return [name, stats().hasRoom ? 'ok' : 'full'];
      });
      const isStopping = app.isStopping();
      const isReady = !isStopping && isReachable && queues.every(([, state]) => state === 'ok');
      return reply.code(isReady ? 200 : 503).send({
        status: isReady ? 'ready' : 'unavailable',
        checks: {
          server: isStopping ? 'stopping' : 'ok',
          database: isReachable ? 'ok' : 'unreachable',
          queues: Object.fromEntries(queues),
        },
      });
    },
  );
}
