import type { FastifyReply } from 'fastify';

/** The reason with which work stops after its client has disconnected. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** A signal that is aborted if the client closes the connection before it has its answer. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const onClose = () => {
    if (!reply.raw.writableFinished) controller.abort(new ClientGone('The client closed the connection.'));
  };
  // The client may have disconnected while the request was read.
  if (reply.raw.closed) onClose();
  else reply.raw.once('close', onClose);
  return controller.signal;
}
