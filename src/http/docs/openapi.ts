import swagger from '@fastify/swagger';
import type { TSchema } from '@sinclair/typebox';
import fp from 'fastify-plugin';
import { VERSION } from '../../core/version.ts';
import type { Examples } from '../../work/routes.ts';
import type { AccessSettings } from '../access/settings.ts';
import { FaultSchema, ProblemSchema } from '../problems/problems.ts';
import { bodySchema } from '../responses/operation-documents.ts';
import { finishDocument, type OpenApiDocument } from './openapi-document.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For the document: the multipart form that an upload route reads from the stream. */
    form?: TSchema;
    /** For the document: a body that need not be sent, if the server completes it before it is validated. */
    optionalBody?: TSchema;
    /** For the document: examples of the request's body by name. */
    bodyExamples?: Examples;
    /** For the document: query parameters that work together. Swagger UI fills them in. */
    queryExample?: Record<string, unknown>;
  }
}

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
  { name: 'operations', description: 'For operators: health and metrics.' },
];

const DESCRIPTION = `A self-hosted, typed image-processing API. Upload pictures with \`POST /images\`, then work on them by their \`id\`.

Every failure is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable \`code\`; a validation
problem lists every fault (up to 100) with its location, and names what an unknown parameter or value probably stands for.
\`type\` is the path of a page that says what to do. \`POST\` makes an artifact and returns it (\`/render\` with the picture); \`GET\`
returns the result itself and names its artifact in \`Content-Location\`. Both take the same parameters. Lists are paged by
\`cursor\`. Content has a strong \`ETag\` and supports conditional and range requests. \`HEAD\` works wherever \`GET\` does.

This document: [\`/openapi.json\`](/openapi.json).`;

/** The OpenAPI 3.1 document of all routes that are registered after it, at `/openapi.json`. */
export const openapiPlugin = fp(async (app, { PUBLIC_URL }: Pick<AccessSettings, 'PUBLIC_URL'>) => {
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
      security: [],
    },
    // Shared schemas keep their own names, so that generated clients have named types.
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`),
    },
    transform: ({ schema, url, route }) => {
      const { form, optionalBody, bodyExamples, queryExample } = route.config ?? {};
      const body = optionalBody ?? (schema?.body as TSchema | undefined);
      const described = {
        ...schema,
        ...(body === undefined ? {} : { body: bodySchema(body) }),
        ...(optionalBody ? { 'x-optional-body': true } : {}),
        ...(form ? { consumes: ['multipart/form-data'], body: form } : {}),
        ...(bodyExamples ? { 'x-body-examples': bodyExamples } : {}),
        ...(queryExample ? { 'x-query-example': queryExample } : {}),
      };
      return { schema: described, url } as never;
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('The document is OpenAPI 3, not Swagger 2.');
      return finishDocument(document.openapiObject as OpenApiDocument) as never;
    },
  });

  // Written when the app is ready, so that no request waits for it.
  let text = '';
  app.addHook('onReady', async () => {
    text = JSON.stringify(app.swagger());
  });
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json').serializer(String).send(text),
  );
});
