import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Page } from '../../core/cursor.ts';

/** Adds a `Link` header (RFC 8288) to the next page. */
export function linkNextPage(request: FastifyRequest, reply: FastifyReply, cursor: string): void {
  // A query may contain further question marks.
  const [path = '/', ...query] = request.url.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  parameters.set('cursor', cursor);
  reply.header('link', `<${path}?${parameters}>; rel="next"`);
}

/** The body of a page, with the link to the next one in the headers. */
export function pageBody<Row extends object, Item>(
  request: FastifyRequest,
  reply: FastifyReply,
  { items, nextCursor }: Page<Row>,
  toItem: (row: Row) => Item,
): { items: Item[]; next_cursor: string | null } {
  if (nextCursor) linkNextPage(request, reply, nextCursor);
  return { items: items.map(toItem), next_cursor: nextCursor };
}
