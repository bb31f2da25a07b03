import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import type { OwnerId } from '../../auth/owner.ts';
import type { BlobReader } from '../../blobs/blob-reader.ts';
import { CONTENT_CODES, LOOKUP_CODES, problemResponses } from '../problems/problems.ts';
import {
  ContentQuerySchema,
  contentResponses,
  IMMUTABLE,
  type StoredBytes,
  sendContent,
  storedContent,
} from './content.ts';
import type { Resource } from './operation-documents.ts';
import { emptyResponse, IdParamsSchema } from './responses.ts';

export interface StoredRoutesOptions {
  resource: Resource;
  /** Media types that the bytes can have, for the document. */
  mediaTypes: readonly string[];
  blobs: BlobReader;
  find(request: FastifyRequest, id: string): Promise<StoredBytes>;
  /** @returns the SHA-256 of the bytes that may be gone */
  delete(owner: OwnerId, id: string): Promise<Buffer[]>;
}

/** The routes of an image or an artifact that deal with its bytes: `DELETE` and `GET …/content`. */
export const storedRoutes: FastifyPluginAsyncTypebox<StoredRoutesOptions> = async (app, options) => {
  const { resource, mediaTypes, blobs } = options;
  const { name, type, path } = resource;
  const common = { tags: [`${type}s`], params: IdParamsSchema };

  app.delete(
    path,
    {
      config: { access: 'images:write' },
      schema: {
        ...common,
        operationId: `delete${name}`,
        summary: `Delete an ${type}`,
        description: 'Also deletes everything derived from it. Bytes that nothing else uses are removed.',
        response: { 204: emptyResponse('Deleted.'), ...problemResponses(...LOOKUP_CODES) },
      },
    },
    async (request, reply) => {
      blobs.forget(await options.delete(request.owner, request.params.id));
      return reply.code(204).send();
    },
  );

  app.get(
    `${path}/content`,
    {
      config: { access: 'images:read' },
      schema: {
        ...common,
        operationId: `get${name}Content`,
        summary: `The bytes of an ${type}`,
        description: 'They never change. Has a strong `ETag`; supports conditional and range requests.',
        querystring: ContentQuerySchema,
        response: {
          ...contentResponses(...mediaTypes),
          ...problemResponses(...LOOKUP_CODES, ...CONTENT_CODES),
        },
      },
    },
    async (request, reply) => {
      const stored = await options.find(request, request.params.id);
      const { download } = request.query;
      return sendContent(request, reply, storedContent(blobs, stored, { download, cacheControl: IMMUTABLE }));
    },
  );
};
