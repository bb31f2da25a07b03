import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { AuthenticationOptions } from '../access/authentication.ts';

/** The pages and their scripts, styles and icon: they run in the browser as they are. */
const PAGE = path.join(import.meta.dirname, 'page');
/** The samples that `/docs` uploads on request. */
const SAMPLES = path.resolve(import.meta.dirname, '../../../examples');

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
};

/** Allows what the pages need from this server: scripts, inline styles, pictures of answers, and a worker that searches. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  'worker-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const protect = (reply: FastifyReply) => reply.header('content-security-policy', CONTENT_SECURITY_POLICY);

/** Redoc as its package brings it, without the one picture that it would load from its maker's server. */
async function readRedoc(): Promise<string> {
  const script = await readFile(
    createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js'),
    'utf8',
  );
  return script.replaceAll(/https:\/\/cdn\.redoc\.ly[^"']*/g, 'data:,');
}

/** Swagger UI at `/docs` and Redoc at `/reference`, on pages of our own. All their files come from this server. */
export const docsPages = fp(async (app, { mode }: Pick<AuthenticationOptions, 'mode'>) => {
  // The plugin for Swagger UI does not let its routes be configured.
  app.addHook('onRoute', (route) => {
    if (/^\/docs(\/|$)/.test(route.url)) route.config = { access: 'public', ...route.config };
  });
  const serve = (url: string, mediaType: string, content: Buffer | string) =>
    app.get(url, { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) =>
      protect(reply).type(mediaType).header('cache-control', 'no-cache').send(content),
    );
  for (const [folder, below] of [
    [PAGE, '/docs/page'],
    [SAMPLES, '/docs/samples'],
  ] as const) {
    for (const name of await readdir(folder)) {
      const mediaType = MEDIA_TYPES[path.extname(name)];
      if (mediaType === undefined) throw new Error(`${name} has no media type.`);
      serve(`${below}/${name}`, mediaType, await readFile(path.join(folder, name)));
    }
  }
  const HTML = 'text/html; charset=utf-8';
  serve('/docs/page/redoc.js', 'text/javascript; charset=utf-8', await readRedoc());
  const readPage = async (name: string) =>
    (await readFile(path.join(PAGE, name), 'utf8')).replace('<html ', `<html data-authentication="${mode}" `);
  serve('/reference', HTML, await readPage('reference.html'));

  const docs = await readPage('index.html');
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiHooks: {
      onRequest: async (_request, reply) => {
        protect(reply);
      },
      // The plugin's own page cannot be adapted to phones, and has no place for anything else.
      preHandler: async (request, reply) => {
        const { pathname } = new URL(request.url, 'http://localhost');
        if (pathname === '/docs/') return reply.redirect('../docs');
        if (pathname === '/docs') return reply.type(HTML).send(docs);
      },
    },
  });
  app.get('/', { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) =>
    reply.redirect('docs'),
  );
});
