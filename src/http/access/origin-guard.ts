import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import type { AccessSettings } from './settings.ts';

export type OriginGuardOptions = Pick<
  AccessSettings,
  'HOST' | 'PUBLIC_URL' | 'ALLOWED_HOSTS' | 'CORS_ORIGINS'
>;

/** Splits a comma-separated setting; blanks are trimmed, empty entries dropped. */
export function splitList(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '');
}

/** Host name of a `Host` header without its port and brackets, in lower case; undefined if it is not a host name. */
function hostNameOf(header: string): string | undefined {
  const url = URL.parse(`http://${header}`);
  if (url?.pathname !== '/' || url.username !== '' || url.search !== '' || url.hash !== '') return undefined;
  return url.hostname.replace(/^\[|\]$/g, '');
}

/**
 * Tells whether a `Host` header may be served. Host names are checked against an allowlist, because a name that an
 * attacker controls can be pointed at this machine (DNS rebinding); an IP address can't be, so every address passes.
 */
export function createHostCheck(options: OriginGuardOptions): (header: string) => boolean {
  const allowed = new Set(splitList(options.ALLOWED_HOSTS));
  if (allowed.has('*')) return () => true;
  allowed.add('localhost').add(options.HOST.toLowerCase());
  if (options.PUBLIC_URL) allowed.add(new URL(options.PUBLIC_URL).hostname);
  return (header) => {
    const name = hostNameOf(header);
    return name !== undefined && (isIP(name) !== 0 || allowed.has(name) || name.endsWith('.localhost'));
  };
}

/** Node takes the first of them, and something in front of it may have taken the other (RFC 9112, 3.2). */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  return rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host').length > 1;
}

/**
 * Keeps a server that asks for no credential closed to other people's web pages: `Host` must be known, and a request
 * that a browser sends from another origin (`Origin`) is refused unless CORS_ORIGINS names it.
 */
export const originGuard = fp(
  async (app, options: OriginGuardOptions) => {
    const isAllowedHost = createHostCheck(options);
    const origins = new Set(splitList(options.CORS_ORIGINS));
    if (options.PUBLIC_URL) origins.add(new URL(options.PUBLIC_URL).origin);

    /** @throws AppError `malformed_request`, `host_not_allowed`, `cross_site_request` */
    const check = ({ headers: { host, origin }, raw }: FastifyRequest): void => {
      if (host === undefined && raw.httpVersion === '1.1') {
        throw new AppError('malformed_request', 'A request of HTTP/1.1 must have a Host header.');
      }
      if (hasTwoHosts(raw.rawHeaders)) {
        throw new AppError('malformed_request', 'A request must have one Host header.');
      }
      if (host !== undefined && !isAllowedHost(host)) {
        throw new AppError(
          'host_not_allowed',
          `This server does not answer for the host ${JSON.stringify(host.slice(0, 200))}; allow it with ALLOWED_HOSTS.`,
        );
      }
      if (origin === undefined || origins.has('*') || origins.has(origin.toLowerCase())) return;
      if (URL.parse(origin)?.host !== host?.toLowerCase()) {
        throw new AppError(
          'cross_site_request',
          `Pages of ${JSON.stringify(origin.slice(0, 200))} may not call this server; allow the origin with CORS_ORIGINS.`,
        );
      }
    };
    app.addHook('onRequest', (request, _reply, done) => {
      check(request);
      done();
    });
  },
  { name: 'origin-guard' },
);
