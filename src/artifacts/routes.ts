import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { CONTENT_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import {
  ContentQuerySchema,
  contentResponses,
  IMMUTABLE,
  sendContent,
  storedContent,
} from '../http/responses/content.ts';
import { linkNextPage } from '../http/responses/next-page.ts';
import {
  emptyResponse,
  IdParamsSchema,
  jsonResponse,
  pageResponse,
  plainJson,
} from '../http/responses/responses.ts';
import type { ImageStore } from '../images/store.ts';
import { toArtifactResponse } from './response.ts';
import { ArtifactListQuerySchema } from './schemas.ts';
import type { ArtifactStore } from './store.ts';

export interface ArtifactRoutesOptions {
  artifacts: ArtifactStore;
  images: ImageStore;
  blobs: BlobReader;
}

const tags = ['artifacts'];

/** `/artifacts`: what was derived: lists by what it was made from, one, its bytes, delete. */
export const artifactRoutes: FastifyPluginAsyncTypebox<ArtifactRoutesOptions> = async (
  app,
  { artifacts, images, blobs },
) => {
  app.setSerializerCompiler(plainJson);
  const inputs = [
    { type: 'image', url: '/images/:id/artifacts', operationId: 'listImageArtifacts' },
    { type: 'artifact', url: '/artifacts/:id/artifacts', operationId: 'listArtifactArtifacts' },
  ] as const;
  for (const { type, url, operationId } of inputs) {
    app.get(
      url,
      {
        schema: {
          operationId,
          tags,
          summary: `What was derived from an ${type}`,
          description: `Artifacts that have the ${type} as a direct input, newest first, a page at a time.`,
          params: IdParamsSchema,
          querystring: ArtifactListQuerySchema,
          response: {
            200: pageResponse('ArtifactPage', 'A page of artifacts.'),
            ...problemResponses(...LOOKUP_CODES),
          },
        },
      },
      async (request, reply) => {
        const { owner, params, query } = request;
        await (type === 'image' ? images.source(owner, params.id) : artifacts.get(owner, params.id));
        const input = { type, id: params.id };
        const { artifacts: page, nextCursor } = await artifacts.listByInput(owner, input, query);
        if (nextCursor) linkNextPage(request, reply, nextCursor);
        return { items: page.map(toArtifactResponse), next_cursor: nextCursor };
      },
    );
  }

  app.get(
    '/artifacts/:id',
    {
      schema: {
        operationId: 'getArtifact',
        tags,
        summary: 'An artifact',
        description: 'What it is, what it was made from and how.',
        params: IdParamsSchema,
        response: {
          200: jsonResponse('Artifact', 'The artifact.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request) => toArtifactResponse(await artifacts.get(request.owner, request.params.id)),
  );

  app.delete(
    '/artifacts/:id',
    {
      schema: {
        operationId: 'deleteArtifact',
        tags,
        summary: 'Delete an artifact',
        description:
          'With everything that was derived from it. Bytes that nothing else names are gone with it.',
        params: IdParamsSchema,
        response: {
          204: emptyResponse('It is deleted.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request, reply) => {
      blobs.forget(await artifacts.delete(request.owner, request.params.id));
      return reply.code(204).send();
    },
  );

  app.get(
    '/artifacts/:id/content',
    {
      schema: {
        operationId: 'getArtifactContent',
        tags,
        summary: "An artifact's bytes",
        description: 'With a strong `ETag`; conditional and range requests are answered.',
        params: IdParamsSchema,
        querystring: ContentQuerySchema,
        response: {
          ...contentResponses('*/*'),
          ...problemResponses(...LOOKUP_CODES, ...CONTENT_CODES),
        },
      },
    },
    async (request, reply) => {
      const artifact = await artifacts.getContent(request.owner, request.params.id);
      artifacts.noteUse(artifact, request.log);
      const { download } = request.query;
      return sendContent(
        request,
        reply,
        storedContent(blobs, artifact, { download, cacheControl: IMMUTABLE }),
      );
    },
  );
};
