import { Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import { StringEnum } from '../schema.ts';
import { problemResponses } from './problems.ts';
import { jsonResponse } from './responses.ts';

export interface HealthSources {
  isDatabaseReachable: () => Promise<boolean>;
  /** Image tasks that run and that wait, and how many may do either. */
  imageLine: () => { running: number; waiting: number; capacity: number };
}

const LiveSchema = Type.Object(
  { status: StringEnum(['ok']) },
  { $id: 'Liveness', description: 'The process runs.' },
);

const ReadySchema = Type.Object(
  {
    status: StringEnum(['ready', 'unavailable']),
    checks: Type.Object({
      database: StringEnum(['ok', 'unreachable']),
      image_line: StringEnum(['ok', 'full'], {
        description: 'Whether an image operation would be taken now.',
      }),
    }),
  },
  { $id: 'Readiness', description: 'Whether requests would be served, and what is missing.' },
);

/** `GET /health/live` and `GET /health/ready`. */
export async function healthRoutes(app: FastifyInstance, sources: HealthSources): Promise<void> {
  app.addSchema(LiveSchema);
  app.addSchema(ReadySchema);

  app.get(
    '/health/live',
    {
      schema: {
        operationId: 'getLiveness',
        tags: ['operations'],
        summary: 'Is the process alive',
        description: 'Answers while the process runs, whatever the state of the database.',
        response: {
          200: jsonResponse('Liveness', 'It is.'),
          ...problemResponses(),
        },
      },
    },
    async () => ({ status: 'ok' }),
  );

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: 'getReadiness',
        tags: ['operations'],
        summary: 'Would requests be served',
        description: 'Checks that the database answers and that the line for image operations has room.',
        response: {
          200: jsonResponse('Readiness', 'They would.'),
          ...problemResponses(),
          503: jsonResponse('Readiness', 'They would not; `checks` says why.'),
        },
      },
    },
    async (_request, reply) => {
      const isReachable = await sources.isDatabaseReachable();
      const { running, waiting, capacity } = sources.imageLine();
      const hasRoom = running + waiting < capacity;
      const isReady = isReachable && hasRoom;
      return reply.code(isReady ? 200 : 503).send({
        status: isReady ? 'ready' : 'unavailable',
        checks: { database: isReachable ? 'ok' : 'unreachable', image_line: hasRoom ? 'ok' : 'full' },
      });
    },
  );
}
