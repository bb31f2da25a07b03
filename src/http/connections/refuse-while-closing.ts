import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';

const RETRY_AFTER_S = 1;

/** Refuses the requests that arrive on open connections after the server has begun to stop. Fastify's own answer is not a problem. */
export const refuseWhileClosing = fp(async (app) => {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onRequest', (_request, _reply, done) => {
    if (!isClosing) return done();
    done(new AppError('shutting_down', 'The server is stopping.', { retryAfter: RETRY_AFTER_S }));
  });
});
