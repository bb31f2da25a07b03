import type { FastifyReply, FastifyRequest } from 'fastify';

/** Adds a `Link` header (RFC 8288) to the next page. */
export function linkNextPage(request: FastifyRequest, reply: FastifyReply, cursor: string): void {
  const [path = '/', query = ''] = request.url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  reply.header('link', `<${path}?${parameters}>; rel="next"`);
}
