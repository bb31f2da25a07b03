import { readFileSync } from 'node:fs';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { TSchema } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { FaultSchema, ProblemSchema } from './problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The multipart form that an upload route reads from the stream, for the document. */
    form?: TSchema;
    /** Examples of the request's body by name, for the document. */
    bodyExamples?: Record<string, { summary: string; value: unknown }>;
  }
}

const packageJson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The version of the service, as its package says. */
export const VERSION = packageJson.version;

const TAGS = [
  {
    name: 'images',
    description: 'Uploaded originals: their bytes untouched, their metadata read from the bytes.',
  },
  {
    name: 'operations',
    description: 'For operators: health and metrics.',
  },
  {
    name: 'manipulation',
    description:
      'Pictures derived from an image or from another artifact. `POST` stores the result as an artifact and answers with its JSON, ' +
      'or with the picture itself where `Accept` prefers `image/*`. `GET` gives the picture, for `<img>` and caches.',
  },
  { name: 'artifacts', description: 'What was derived: the same question has one answer, computed once.' },
];

const DESCRIPTION = `A self-hosted, typed image-processing API.

Every failure is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable \`code\`; a validation
problem lists every fault with its place. Lists are paged by \`cursor\`. Content has a strong \`ETag\` and answers conditional
and range requests. \`HEAD\` works wherever \`GET\` does.`;

/** What Swagger UI needs, all of it from this server: its scripts, inline styles, pictures of answers. */
const SWAGGER_UI_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

type Described = { $id?: unknown };
type Operation = {
  requestBody?: { content?: Record<string, { examples?: unknown }> };
  parameters?: { schema?: object }[];
};

/** The OpenAPI 3.1 document at `/openapi.json` and Swagger UI at `/docs`, both without any other host. */
export const openapiPlugin = fp(
  async (app: FastifyInstance, { publicUrl }: { publicUrl?: string | undefined }) => {
    app.addSchema(FaultSchema);
    app.addSchema(ProblemSchema);

    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Coreframe',
          version: VERSION,
          description: DESCRIPTION,
          license: { name: 'MIT', identifier: 'MIT' } as never,
        },
        servers: [{ url: publicUrl ?? '/' }],
        tags: TAGS,
        security: [],
      },
      // Shared schemas keep their own names, so that generated clients have named types.
      refResolver: {
        buildLocalReference: (json: Described, _base, _fragment, index) => String(json.$id ?? `def-${index}`),
      },
      transform: ({ schema, url, route }) => {
        const { form, bodyExamples } = route.config ?? {};
        const described = form ? { ...schema, consumes: ['multipart/form-data'], body: form } : { ...schema };
        return {
          schema: bodyExamples ? { ...described, 'x-body-examples': bodyExamples } : described,
          url,
        } as never;
      },
      transformObject: (document) => {
        if (!('openapiObject' in document)) return document.swaggerObject as never;
        return finishDocument(document.openapiObject as never);
      },
    });

    await app.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: {
        deepLinking: true,
        displayRequestDuration: true,
        tryItOutEnabled: true,
        persistAuthorization: true,
      },
      theme: { title: 'Coreframe' },
      uiHooks: {
        onRequest: async (_request, reply) => {
          reply.header('content-security-policy', SWAGGER_UI_POLICY);
        },
      },
    });
    // Written when the app is ready: it takes a good while, and the first reader should not wait for it.
    app.addHook('onReady', async () => {
      documentText(app);
    });

    app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
      reply.type('application/json').serializer(String).send(documentText(app)),
    );
    app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'));
  },
  { name: 'openapi' },
);

const texts = new WeakMap<object, string>();

/** The document as text, written once. */
function documentText(app: FastifyInstance): string {
  const document = app.swagger();
  const known = texts.get(document);
  if (known !== undefined) return known;
  const text = JSON.stringify(document);
  texts.set(document, text);
  return text;
}

/** Moves the examples of bodies to where OpenAPI has them. */
function finishDocument(document: {
  paths?: Record<string, Record<string, Operation & Record<string, unknown>>>;
}): never {
  for (const operations of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(operations)) {
      const examples = operation['x-body-examples'];
      if (examples === undefined) continue;
      delete operation['x-body-examples'];
      for (const content of Object.values(operation.requestBody?.content ?? {})) content.examples = examples;
    }
  }
  return document as never;
}
