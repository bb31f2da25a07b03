import fp from 'fastify-plugin';
import { ObjectWithDefaults } from '../../core/schema.ts';

const NO_PARAMETERS = ObjectWithDefaults({});

/**
 * A route that describes no query parameters takes none, as one that describes some takes no others. Routes that never answer
 * 422 do not look at their query: health checks and scrapers may add what they like.
 */
export const closedQueries = fp(
  async (app) => {
    app.addHook('onRoute', (route) => {
      const { schema } = route;
      const validates = schema?.response !== undefined && 422 in (schema.response as object);
      if (validates) schema.querystring ??= NO_PARAMETERS;
    });
  },
  { name: 'closed-queries' },
);
