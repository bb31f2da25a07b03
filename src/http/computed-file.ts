import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ComputedFile } from '../work/make.ts';

/** Removes a file that was computed for one answer when the answer is sent, or nobody waits for it any more. */
export function removeWhenSent(request: FastifyRequest, reply: FastifyReply, file: ComputedFile): void {
  const remove = () =>
    void file.remove().catch((err: unknown) => request.log.warn({ err }, 'temporary file not removed'));
  if (reply.raw.closed) remove();
  else reply.raw.once('close', remove);
}
