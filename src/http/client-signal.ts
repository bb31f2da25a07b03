import type { FastifyReply } from 'fastify';

/** Why work stops whose client has gone: nobody is left to be told. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** A signal that is aborted when the client closes the connection before it has its answer. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new ClientGone('The client closed the connection.'));
  });
  return controller.signal;
}
