import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';

const RETRY_AFTER_S = 1;

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the server has begun to stop. */
    isStopping(): boolean;
  }
  interface FastifyContextConfig {
    /** Whether the route answers as usual while the server stops. */
    whileClosing?: boolean;
  }
}

/** Refuses the requests that arrive on open connections after the server has begun to stop. Fastify's own answer is not a problem. */
export const refuseWhileClosing = fp(async (app) => {
  let isClosing = false;
  app.decorate('isStopping', () => isClosing);
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onRequest', ({ routeOptions }, _reply, done) => {
    if (!isClosing || routeOptions.config.whileClosing) return done();
    done(new AppError('shutting_down', 'The server is stopping.', { retryAfter: RETRY_AFTER_S }));
  });
});
