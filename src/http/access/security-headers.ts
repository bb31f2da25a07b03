import cors from '@fastify/cors';
import fp from 'fastify-plugin';
import { type AccessSettings, splitList } from './settings.ts';

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join(';');

/** For answers that no hook reaches, too. */
export const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
};

/**
 * Security headers for an API: no answer may run scripts, be framed or be sniffed. Swagger UI sets its own policy. HSTS is left
 * to the proxy that terminates TLS: this server speaks plain HTTP.
 */
export const securityHeaders = fp(async (app, { CORS_ORIGINS }: Pick<AccessSettings, 'CORS_ORIGINS'>) => {
  const origins = splitList(CORS_ORIGINS);
  const headers =
    origins.length > 0
      ? { ...SECURITY_HEADERS, 'cross-origin-resource-policy': 'cross-origin' }
      : SECURITY_HEADERS;
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers);
    done();
  });
  if (origins.length > 0) {
    // Preflight requests of browsers carry no credential.
    app.addHook('onRoute', (route) => {
      if (route.url === '*' && route.method === 'OPTIONS')
        route.config = { access: 'public', ...route.config };
    });
    await app.register(cors, {
      origin: origins.includes('*') ? '*' : origins,
      methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
      exposedHeaders: [
        'content-location',
        'content-disposition',
        'etag',
        'link',
        'location',
        'preference-applied',
        'retry-after',
        'www-authenticate',
        'x-ignored-parameters',
        'x-request-id',
      ],
    });
  }
});
