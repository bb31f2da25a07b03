import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { linkNextPage } from '../http/responses/next-page.ts';
import { RESOURCES } from '../http/responses/operation-documents.ts';
import { IdParamsSchema, jsonResponse, pageResponse, plainJson } from '../http/responses/responses.ts';
import { storedRoutes } from '../http/responses/stored-routes.ts';
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
const [, resource] = RESOURCES;

/** `/artifacts`: lists by input, one artifact, its bytes, delete. */
export const artifactRoutes: FastifyPluginAsyncTypebox<ArtifactRoutesOptions> = async (
  app,
  { artifacts, images, blobs },
) => {
  app.setSerializerCompiler(plainJson);
  for (const { name, type, path } of RESOURCES) {
    app.get(
      `${path}/artifacts`,
      {
        schema: {
          operationId: `list${name}Artifacts`,
          tags,
          summary: `List artifacts made from an ${type}`,
          description: `Artifacts that have the ${type} as a direct input, newest first, one page at a time.`,
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
        const { items, nextCursor } = await artifacts.listByInput(owner, { type, id: params.id }, query);
        if (nextCursor) linkNextPage(request, reply, nextCursor);
        return { items: items.map(toArtifactResponse), next_cursor: nextCursor };
      },
    );
  }

  app.get(
    '/artifacts/:id',
    {
      schema: {
        operationId: 'getArtifact',
        tags,
        summary: 'Get an artifact',
        description: 'Its kind, its inputs, and the operation and parameters that made it.',
        params: IdParamsSchema,
        response: {
          200: jsonResponse('Artifact', 'The artifact.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request) => toArtifactResponse(await artifacts.get(request.owner, request.params.id)),
  );

  await app.register(storedRoutes, {
    resource,
    mediaType: '*/*',
    blobs,
    async find({ owner, log }, id) {
      const artifact = await artifacts.getContent(owner, id);
      artifacts.noteUse(artifact, log);
      return artifact;
    },
    delete: (owner, id) => artifacts.delete(owner, id),
  });
};
