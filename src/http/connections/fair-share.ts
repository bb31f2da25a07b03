import { isIPv4 } from 'node:net';
import fp from 'fastify-plugin';
import { actAs } from '../../processes/client.ts';

/** Lets all work of a request take its places in queues as the client's address, so that one client cannot starve the others. */
export const fairShare = fp(async (app) => {
  // The last hook before the handler, because reading the body leaves the context of earlier hooks.
  app.addHook('preHandler', (request, _reply, done) => actAs(clientOf(request.ip), done));
});

/**
 * The network of a client: an IPv4 address, or the first 64 bits of an IPv6 address, which is what one customer has at least. A port
 * is ignored, because some proxies add it to the address in `X-Forwarded-For`.
 */
export function clientOf(addressAndPort: string): string {
  const address = addressAndPort.replace(/^([\d.]+):\d+$/, '$1').replace(/^\[(.*)\](:\d+)?$/, '$1');
  const [, mapped = address] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (isIPv4(mapped)) return mapped;
  const [start = '', end] = address.replace(/%.*$/, '').toLowerCase().split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(start), groups(end ?? '')];
  const zeros = end === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
