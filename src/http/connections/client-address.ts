import fp from 'fastify-plugin';

/**
 * Drops requests whose client has already broken off its connection, so that the address of the client is known to all that follows.
 * Node knows the address of a broken connection only if it was read before, and nobody would get the answer.
 */
export const clientAddress = fp(async (app) => {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.socket.remoteAddress !== undefined) return done();
    reply.hijack();
    request.socket.destroy();
  });
});
