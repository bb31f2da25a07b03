import { AsyncLocalStorage } from 'node:async_hooks';
import { isIPv4 } from 'node:net';

interface Context {
  client: string;
  isBackground: boolean;
}

const contexts = new AsyncLocalStorage<Context>();

/** Runs code on behalf of a client. Everything that it starts takes its places in queues as this client. */
export function actAs<T>(client: string, code: () => T): T {
  return contexts.run({ client, isBackground: false }, code);
}

/** The same for work that nobody waits for: it gives way to everything else. */
export function actInBackground<T>(client: string, code: () => T): T {
  return contexts.run({ client, isBackground: true }, code);
}

/** The client on whose behalf the current code runs; empty for the service itself. */
export function currentClient(): string {
  return contexts.getStore()?.client ?? '';
}

/** Whether nobody waits for what the current code does. */
export function isInBackground(): boolean {
  return contexts.getStore()?.isBackground ?? false;
}

/**
 * The network of a client: an IPv4 address (also if it is mapped into IPv6), or the first 64 bits of an IPv6 address, which is what
 * one customer has at least. A port is ignored, because some proxies add it to the address in `X-Forwarded-For`.
 */
export function clientOf(addressAndPort: string): string {
  const address = addressAndPort.replace(/^([\d.]+):\d+$/, '$1').replace(/^\[(.*)\](:\d+)?$/, '$1');
  if (isIPv4(address)) return address;
  const groups = groupsOf(address.replace(/%.*$/, '').toLowerCase());
  if (/^0:0:0:0:0:ffff:/.test(groups.join(':'))) return groups.slice(6).flatMap(bytesOf).join('.');
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const hex = address.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) => `${(a * 256 + Number(b)).toString(16)}:${(c * 256 + Number(d)).toString(16)}`,
  );
  const [start = '', end] = hex.split('::');
  const split = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [split(start), split(end ?? '')];
  const zeros = end === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return all.map((group) => group.replace(/^0+(?=.)/, ''));
}

/** The two bytes of a group. */
function bytesOf(group: string): number[] {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 255];
}
