import fp from 'fastify-plugin';
import { ObjectWithDefaults } from '../../core/schema.ts';

const NO_PARAMETERS = ObjectWithDefaults({});

/**
 * A route without a query schema refuses every query parameter. Routes that never answer 422 ignore their query: health checks
 * and scrapers may add parameters.
 */
export const closedQueries = fp(async (app) => {
  app.addHook('onRoute', ({ schema }) => {
    const validates = schema?.response !== undefined && 422 in (schema.response as object);
    if (validates) schema.querystring ??= NO_PARAMETERS;
  });
});
