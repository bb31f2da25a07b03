import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify from 'fastify';
import pino from 'pino';
import type { Test } from 'tap';
import { toAppError } from '../../src/db/database-errors.ts';
import { problemHandler } from '../../src/http/problem-handler.ts';
import { FaultSchema, ProblemSchema } from '../../src/http/problems/problems.ts';
import { createServerOptions } from '../../src/http/server-options.ts';

/** A Fastify instance with the service's own options and problem handler, and no routes. */
export async function createBareApp(t: Test) {
  const app = Fastify(
    createServerOptions(pino({ level: 'silent' }), { TRUSTED_PROXIES: '' }),
  ).withTypeProvider<TypeBoxTypeProvider>();
  app.addSchema(FaultSchema);
  app.addSchema(ProblemSchema);
  await app.register(problemHandler, { translate: toAppError });
  t.teardown(() => app.close());
  return app;
}
