import { readFile } from 'node:fs/promises';
import path from 'node:path';
import swagger from '@fastify/swagger';
import type { TSchema } from '@sinclair/typebox';
import fp from 'fastify-plugin';
import { VERSION } from '../../core/version.ts';
import type { Examples } from '../../work/routes.ts';
import type { AccessSettings } from '../access/settings.ts';
import { FaultSchema, ProblemSchema } from '../problems/problems.ts';
import { bodySchema } from '../responses/operation-documents.ts';
import { describeAccess, type RouteSchema, securitySchemes } from './access-terms.ts';
import { toOpenApi30 } from './openapi-3.0.ts';
import { finishDocument } from './openapi-document.ts';
import type { OpenApiDocument } from './openapi-schemas.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For the document: the multipart form that an upload route reads from the stream. */
    form?: TSchema;
    /** For the document: a body that need not be sent, if the server completes it before it is validated. */
    optionalBody?: TSchema;
    /** For the document: what clients send, if the server completes it before it is validated. */
    sentBody?: TSchema;
    /** For the document: headers of the request that are read without validation. */
    requestHeaders?: TSchema;
    /** For the document: examples of the request's body by name. */
    bodyExamples?: Examples;
    /** For the document: query parameters that work together. Swagger UI fills them in. */
    queryExample?: Record<string, unknown>;
  }
}

/** An answer of each operation, which `npm run docs` records. */
const ANSWERS = path.join(import.meta.dirname, 'answer-examples.json');

/** In the order of the docs. */
const TAGS = [
  {
    name: 'images',
    description: 'Uploaded originals: their bytes unchanged, their metadata read from the bytes.',
  },
  {
    name: 'manipulation',
    description:
      'Pictures derived from an image or from another artifact. `POST` stores the result as an artifact and returns the artifact; ' +
      '`GET` takes the same parameters and returns the picture, for `<img>` and caches.',
  },
  {
    name: 'measurement',
    description: 'Measurements of an image or an artifact: histograms of its colours, and its segments.',
  },
  {
    name: 'frames',
    description: 'Image logs: rows of grey levels by depth, from a CSV file, as frames or as one picture.',
  },
  {
    name: 'artifacts',
    description: 'Stored results of operations. Equal requests share one artifact, computed once.',
  },
  {
    name: 'jobs',
    description:
      'Work in the background: an operation on many images, or any request with `Prefer: respond-async`. Progress, results, cancelling, trying again.',
  },
  {
    name: 'authentication',
    description: 'Access tokens from a log-in, and the sessions that they belong to.',
  },
  { name: 'api keys', description: 'Credentials for programs, with scopes of their own.' },
  { name: 'users', description: 'Accounts: what users change of themselves, and what administrators do.' },
  {
    name: 'workers',
    description:
      'Credentials of processes that work on jobs on other machines (`QUEUE_URL`). For administrators.',
  },
  { name: 'operations', description: 'For operators: health and metrics.' },
];

const DESCRIPTION = `A self-hosted, typed image-processing API. Upload pictures with \`POST /images\`, then work on them by their \`id\`.

Every failure is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable \`code\`; a validation
problem lists every fault (up to 100) with its location, and names what an unknown parameter or value probably stands for.
\`type\` is the path of a page that says what to do. \`POST\` makes an artifact and returns it (\`/render\` with the picture); \`GET\`
returns the result itself and names its artifact in \`Content-Location\`. Both take the same parameters. Lists are paged by
\`cursor\`. Content has a strong \`ETag\` and supports conditional and range requests. \`HEAD\` works wherever \`GET\` does.

Unless authentication is off, a request needs an API key in \`X-API-Key\`, or an access token (\`POST /auth/token\`) or an API key in
\`Authorization: Bearer\`. Each operation names the scope that it needs. Everything belongs to the user who made it. With the scope
\`admin\`, the header \`X-On-Behalf-Of\` names another user, on whose behalf the request is served.

This document: [\`/openapi.json\`](/openapi.json); as OpenAPI 3.0, [\`/openapi-3.0.json\`](/openapi-3.0.json).`;

/**
 * The OpenAPI document of all routes that are registered after it: 3.1 at `/openapi.json`, and the same as 3.0 at
 * `/openapi-3.0.json`.
 */
export const openapiPlugin = fp(async (app, { PUBLIC_URL }: Pick<AccessSettings, 'PUBLIC_URL'>) => {
  const answers: Record<string, unknown> = JSON.parse(await readFile(ANSWERS, 'utf8'));
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
      servers: [{ url: PUBLIC_URL ?? '/' }],
      tags: TAGS,
      components: { securitySchemes: securitySchemes(PUBLIC_URL) },
    },
    // Shared schemas keep their own names, so that generated clients have named types.
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`),
    },
    transform: ({ schema, url, route }) => {
      const { access, form, optionalBody, sentBody, requestHeaders, bodyExamples, queryExample } =
        route.config ?? {};
      const body = optionalBody ?? sentBody ?? (schema?.body as TSchema | undefined);
      const described = {
        ...schema,
        ...describeAccess((schema ?? {}) as RouteSchema, access),
        ...(body === undefined ? {} : { body: bodySchema(body) }),
        ...(optionalBody ? { 'x-optional-body': true } : {}),
        ...(form ? { consumes: ['multipart/form-data'], body: form } : {}),
        ...(requestHeaders ? { headers: requestHeaders } : {}),
        ...(bodyExamples ? { 'x-body-examples': bodyExamples } : {}),
        ...(queryExample ? { 'x-query-example': queryExample } : {}),
      };
      return { schema: described, url } as never;
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('The document is OpenAPI 3, not Swagger 2.');
      return finishDocument(document.openapiObject as OpenApiDocument, answers) as never;
    },
  });

  // Written when the app is ready, so that no request waits for it.
  const texts = { '3.1': '', '3.0': '' };
  app.addHook('onReady', async () => {
    const document = app.swagger() as OpenApiDocument;
    texts['3.1'] = JSON.stringify(document);
    texts['3.0'] = JSON.stringify(toOpenApi30(document));
  });
  for (const [path, version] of [
    ['/openapi.json', '3.1'],
    ['/openapi-3.0.json', '3.0'],
  ] as const) {
    app.get(path, { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) =>
      reply.type('application/json').serializer(String).send(texts[version]),
    );
  }
});
