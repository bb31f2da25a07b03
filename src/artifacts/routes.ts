import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { pageBody } from '../http/responses/next-page.ts';
import { RESOURCES } from '../http/responses/operation-documents.ts';
import { IdParamsSchema, jsonResponse, pageResponse, plainJson } from '../http/responses/responses.ts';
import { storedRoutes } from '../http/responses/stored-routes.ts';
import type { ImageStore } from '../images/store.ts';
import type { Operation } from '../work/operation.ts';
import { toArtifactResponse } from './response.ts';
import { artifactListQuery } from './schemas.ts';
import type { ArtifactStore } from './store.ts';

export interface ArtifactRoutesOptions {
  artifacts: ArtifactStore;
  images: ImageStore;
  blobs: BlobReader;
  operations: ReadonlyMap<string, Operation>;
}

const tags = ['artifacts'];
const [, resource] = RESOURCES;

/** `/artifacts`: lists of all and by input, one artifact, its bytes, delete. */
export const artifactRoutes: FastifyPluginAsyncTypebox<ArtifactRoutesOptions> = async (
  app,
  { artifacts, images, blobs, operations },
) => {
  app.setSerializerCompiler(plainJson);
  const querystring = artifactListQuery(operations.values());
  app.get(
    '/artifacts',
    {
      config: { access: 'images:read' },
      schema: {
        operationId: 'listArtifacts',
        tags,
        summary: 'List artifacts',
        description: 'Everything that was derived, newest first, one page at a time.',
        querystring,
        response: {
          200: pageResponse('ArtifactPage', 'A page of artifacts.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) =>
      pageBody(request, reply, await artifacts.list(request.owner, request.query), toArtifactResponse),
  );

  for (const { name, type, path } of RESOURCES) {
    app.get(
      `${path}/artifacts`,
      {
        config: { access: 'images:read' },
        schema: {
          operationId: `list${name}Artifacts`,
          tags,
          summary: `List artifacts made from an ${type}`,
          description: `Artifacts that have the ${type} as a direct input, newest first, one page at a time.`,
          params: IdParamsSchema,
          querystring,
          response: {
            200: pageResponse('ArtifactPage', 'A page of artifacts.'),
            ...problemResponses(...LOOKUP_CODES),
          },
        },
      },
      async (request, reply) => {
        const { owner, params, query } = request;
        await (type === 'image' ? images.source(owner, params.id) : artifacts.get(owner, params.id));
        const page = await artifacts.list(owner, query, { type, id: params.id });
        return pageBody(request, reply, page, toArtifactResponse);
      },
    );
  }

  app.get(
    '/artifacts/:id',
    {
      config: { access: 'images:read' },
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
    mediaTypes: contentTypes(operations.values()),
    blobs,
    async find({ owner, log }, id) {
      const artifact = await artifacts.getContent(owner, id);
      artifacts.noteUse(artifact, log);
      return artifact;
    },
    delete: (owner, id) => artifacts.delete(owner, id),
  });
};

/** The media types of what operations store as the content of artifacts. */
function contentTypes(operations: Iterable<Operation>): string[] {
  const answers = [...operations].flatMap(({ routes, view }) => [
    ...routes.flatMap(({ get }) => (get?.part === 'content' ? [get.bytes] : [])),
    ...(view === null ? [] : [view.bytes]),
  ]);
  return [...new Set(answers.flatMap(({ content }) => Object.keys(content)))];
}
