import fp from 'fastify-plugin';
import { actAs, clientOf } from '../../processes/client.ts';

/** Lets all work of a request take its places in queues as the client's address, so that one client cannot starve the others. */
export const fairShare = fp(async (app) => {
  // The last hook before the handler, because reading the body leaves the context of earlier hooks.
  app.addHook('preHandler', (request, _reply, done) => actAs(clientOf(request.ip), done));
});
