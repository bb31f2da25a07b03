import fp from 'fastify-plugin';
import { LOCAL_OWNER, type OwnerId } from '../../auth/owner.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The user on whose behalf the request is served. */
    owner: OwnerId;
  }
}

/** Gives every request its owner. */
export const ownerPlugin = fp(async (app) => {
  app.decorateRequest('owner', LOCAL_OWNER);
});
