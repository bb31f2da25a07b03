import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import { isRepeated } from '../requests/header-faults.ts';
import { type AccessSettings, splitList } from './settings.ts';

type OriginGuardOptions = Pick<AccessSettings, 'HOST' | 'PUBLIC_URL' | 'ALLOWED_HOSTS' | 'CORS_ORIGINS'>;

/** The host name in a `Host` header, without port and brackets, in lower case; undefined if the header is malformed. */
function hostNameOf(header: string): string | undefined {
  const url = URL.parse(`http://${header}`);
  if (url?.pathname !== '/' || url.username !== '' || url.search !== '' || url.hash !== '') return undefined;
  return url.hostname.replace(/^\[|\]$/g, '');
}

/**
 * Checks whether a `Host` header is served. Host names must be in an allowlist, because an attacker can point their own name at
 * this machine (DNS rebinding). IP addresses cannot be abused like that, so all of them pass.
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

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route answers for any `Host`, as load balancers and orchestrators send it. */
    anyHost?: boolean;
  }
}

/** Whether a browser opens the address itself, for example from a link on another site. */
function isNavigation({ method, headers }: FastifyRequest): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  return isRead && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

/**
 * Protects a server without authentication from other people's web pages: `Host` must be known, and a browser's request from
 * another origin (`Origin`, or `Sec-Fetch-Site` of the Fetch Metadata specification) is refused unless CORS_ORIGINS lists that
 * origin. Links to the server may be followed.
 */
export const originGuard = fp(async (app, options: OriginGuardOptions) => {
  const isAllowedHost = createHostCheck(options);
  const origins = new Set(splitList(options.CORS_ORIGINS));
  if (options.PUBLIC_URL) origins.add(new URL(options.PUBLIC_URL).origin);

  /** @throws AppError `malformed_request`, `host_not_allowed`, `cross_site_request` */
  const check = (request: FastifyRequest): void => {
    const { raw, protocol, routeOptions } = request;
    const { host, origin, 'sec-fetch-site': site } = request.headers;
    if (host === undefined && raw.httpVersion === '1.1') {
      throw new AppError('malformed_request', 'An HTTP/1.1 request must have a Host header.');
    }
    // RFC 9112, 3.2.
    if (isRepeated(raw, 'Host')) {
      throw new AppError('malformed_request', 'A request must have only one Host header.');
    }
    if (host !== undefined && !routeOptions.config.anyHost && !isAllowedHost(host)) {
      throw new AppError(
        'host_not_allowed',
        `This server does not serve the host ${JSON.stringify(host.slice(0, 200))}; allow it with ALLOWED_HOSTS.`,
      );
    }
    if (origins.has('*')) return;
    if (origin === undefined) {
      // A page that CORS_ORIGINS lists may also embed pictures, and a browser does not say which page does.
      const isEmbedded = origins.size > 0 && raw.method === 'GET';
      if (site === undefined || site === 'same-origin' || site === 'none') return;
      if (isEmbedded || isNavigation(request)) return;
      throw new AppError(
        'cross_site_request',
        'Pages of other sites may not call this server; allow their origins with CORS_ORIGINS.',
      );
    }
    if (origins.has(origin.toLowerCase())) return;
    if (origin.toLowerCase() !== `${protocol}://${host?.toLowerCase()}`) {
      throw new AppError(
        'cross_site_request',
        `Pages from ${JSON.stringify(origin.slice(0, 200))} may not call this server; allow the origin with CORS_ORIGINS.`,
      );
    }
  };
  app.addHook('onRequest', (request, _reply, done) => {
    check(request);
    done();
  });
});
