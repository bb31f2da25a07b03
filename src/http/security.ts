import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import fp from 'fastify-plugin';
import { splitList } from './origin-guard.ts';

/** Security headers for an API: nothing it sends may run, be framed or be sniffed. Swagger UI sets its own policy. */
export const securityHeaders = fp(
  async (app, { corsOrigins }: { corsOrigins: string }) => {
    const origins = splitList(corsOrigins);
    await app.register(helmet, {
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          frameAncestors: ["'none'"],
          baseUri: ["'none'"],
          formAction: ["'none'"],
        },
      },
      crossOriginResourcePolicy: { policy: origins.length > 0 ? 'cross-origin' : 'same-origin' },
      // Browsers ignore it on plain HTTP, with an error in the console; there is no page but the docs.
      crossOriginOpenerPolicy: false,
      // Whoever ends TLS decides about HSTS; this server speaks plain HTTP.
      strictTransportSecurity: false,
    });
    if (origins.length > 0) {
      await app.register(cors, {
        origin: origins.includes('*') ? '*' : origins,
        methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
        exposedHeaders: [
          'content-location',
          'content-disposition',
          'etag',
          'link',
          'location',
          'retry-after',
          'x-request-id',
        ],
      });
    }
  },
  { name: 'security-headers' },
);
