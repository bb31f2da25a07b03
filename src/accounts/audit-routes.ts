import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { AuditLog } from '../auth/accounts/audit-log.ts';
import { problemResponses } from '../http/problems/problems.ts';
import { pageBody } from '../http/responses/next-page.ts';
import { pageResponse } from '../http/responses/responses.ts';
import { toAuditEventResponse } from './responses.ts';
import { AuditQuerySchema } from './schemas.ts';

/** `GET /audit-events`. */
export const auditRoutes: FastifyPluginAsyncTypebox<{ audit: AuditLog }> = async (app, { audit }) => {
  app.get(
    '/audit-events',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'listAuditEvents',
        tags: ['users'],
        summary: 'List what was done to accounts and for other users',
        description:
          'Newest first, one page at a time: users created, changed and deleted, API keys made, replaced and revoked, and every request of an administrator on behalf of another user.',
        querystring: AuditQuerySchema,
        response: {
          200: pageResponse('AuditEventPage', 'A page of audit events.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => pageBody(request, reply, await audit.list(request.query), toAuditEventResponse),
  );
};
