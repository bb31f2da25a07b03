import type { FastifyReply, FastifyRequest } from 'fastify';

/** Adds a `Link` header (RFC 8288) to the next page. */
export function linkNextPage(request: FastifyRequest, reply: FastifyReply, cursor: string): void {
  // A query may contain further question marks.
  const [path = '/', ...query] = request.url.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  parameters.set('cursor', cursor);
  reply.header('link', `<${path}?${parameters}>; rel="next"`);
}
