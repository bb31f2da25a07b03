import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Pictures } from '../artifacts/pictures.ts';
import { contentUrlOf, toArtifactResponse } from '../artifacts/response.ts';
import type { InputRef } from '../artifacts/store.ts';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { clientSignal } from '../http/client-signal.ts';
import { REVALIDATED, sendContent, sendMadeContent } from '../http/content.ts';
import { joinBytes, textBytes } from '../http/joined-content.ts';
import { acceptedTypes, negotiate } from '../http/negotiation.ts';
import { COMPUTATION_CODES, CONTENT_CODES, JSON_BODY_CODES, problemResponses } from '../http/problems.ts';
import { IdParamsSchema } from '../http/responses.ts';
import { type FaultPlace, relocateFaults } from '../http/validation.ts';
import { SEGMENTATION_CONTENT } from './answer-schemas.ts';
import { SEGMENTATION_EXAMPLES, SEGMENTATION_QUERY_EXAMPLE } from './examples.ts';
import { queryPathOf, readSegmentationQuery, SegmentationQuerySchema } from './query.ts';
import {
  chooseRepresentation,
  FORMAT_OF_TYPE,
  fileKindOf,
  OVERLAY_FORMATS,
  type Representation,
  type RepresentationQuery,
  RepresentationQuerySchema,
} from './representation.ts';
import type { Mask, Segmentations } from './segmentations.ts';

export { SEGMENTATION_SCHEMAS } from './answer-schemas.ts';

export interface SegmentationRoutesOptions {
  segmentations: Segmentations;
  pictures: Pictures;
  blobs: BlobReader;
}

const tags = ['measurement'];

const IN_BODY: FaultPlace = { location: 'body', pathOf: (path) => path };
const IN_QUERY: FaultPlace = { location: 'query', pathOf: queryPathOf };

/** Names the method in a body that names none, so that its schema is the one that is held to. */
async function nameMethod(request: FastifyRequest): Promise<void> {
  const { body = {} } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body) || 'method' in body) return;
  request.body = { method: 'otsu', ...body };
}

/** The form that the query names, or that `Accept` prefers. */
function representationOf(request: FastifyRequest, query: RepresentationQuery): Representation {
  const types = Object.keys(FORMAT_OF_TYPE) as (keyof typeof FORMAT_OF_TYPE)[];
  const format = query.format ?? FORMAT_OF_TYPE[negotiate(request, types)];
  const accepted = acceptedTypes(request);
  const encoding = OVERLAY_FORMATS.map((name) => ({ name, rank: accepted.indexOf(`image/${name}`) }))
    .filter(({ rank }) => rank !== -1)
    .sort((a, b) => a.rank - b.rank)[0];
  return chooseRepresentation(query, format, encoding?.name ?? 'png');
}

/** Where this form of a mask is found again. */
function locationOf({ id }: Mask, representation: Representation): string {
  if (representation.format === 'label_map') return contentUrlOf({ id });
  const query = new URLSearchParams(
    Object.entries(representation).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return `/artifacts/${id}/segments?${query}`;
}

/** `/segmentation` of images and of artifacts that are pictures, and `/segments` of stored masks. */
export const segmentationRoutes: FastifyPluginAsyncTypebox<SegmentationRoutesOptions> = async (
  app,
  { segmentations, pictures, blobs },
) => {
  /** Sends a stored segmentation in one of its forms. */
  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    mask: Mask,
    representation: Representation,
  ): Promise<unknown> {
    reply.header('vary', 'Accept').header('content-location', locationOf(mask, representation));
    const head = {
      mediaType: fileKindOf(representation).mediaType,
      filename: segmentations.filenameOf(mask, representation),
      cacheControl: request.method === 'POST' ? 'no-store' : REVALIDATED,
    };
    if (representation.format === 'label_map') {
      const { sha256, size } = mask;
      return sendContent(request, reply, {
        ...head,
        sha256: sha256.toString('hex'),
        size,
        open: (range) => blobs.open(mask, range),
      });
    }
    if (representation.format === 'json') {
      const { document } = mask;
      const artifact = JSON.stringify(toArtifactResponse(mask));
      return sendContent(request, reply, {
        ...head,
        sha256: segmentations.jsonTagOf(mask, artifact),
        // The document may be 30 MB: it is passed on as it is stored, without being parsed.
        ...joinBytes([
          textBytes(`{"artifact":${artifact},"segmentation":`),
          { size: document.size, open: (range) => blobs.open(document, range) },
          textBytes('}'),
        ]),
      });
    }
    return sendMadeContent(
      request,
      reply,
      { ...head, sha256: segmentations.tagOf(mask, representation) },
      async () => {
        const file = await segmentations.represent(request.owner, mask, representation, clientSignal(reply));
        const remove = () =>
          void file.remove().catch((err) => request.log.warn({ err }, 'temporary file not removed'));
        if (reply.raw.closed) remove();
        else reply.raw.once('close', remove);
        return file;
      },
    );
  }

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    ref: InputRef,
    { given, query, place }: { given: unknown; query: RepresentationQuery; place: FaultPlace },
  ): Promise<unknown> {
    const isGet = request.method !== 'POST';
    const representation = representationOf(request, query);
    const source = await pictures.find(request.owner, ref);
    const { mask, isNew } = await segmentations
      .segment(request.owner, source, given, {
        retention: isGet ? 'cached' : 'kept',
        signal: clientSignal(reply),
      })
      .catch((error) => {
        throw relocateFaults(error, place);
      });
    const isCreated = isNew && !isGet;
    if (isCreated) reply.header('location', `/artifacts/${mask.id}`);
    reply.code(isCreated ? 201 : 200);
    return send(request, reply, mask, representation).catch((error) => {
      throw relocateFaults(error, IN_QUERY);
    });
  }

  const got = {
    200: { description: 'The segmentation, or another form of it.', content: SEGMENTATION_CONTENT },
    206: { description: 'The range of it that was asked for.', content: SEGMENTATION_CONTENT },
    304: { type: 'null', description: 'The client has this (`If-None-Match`).' },
  };
  const description =
    'Parts a picture into segments and measures each. The label map is stored as an artifact, and answered with its segments, or in ' +
    'the form that `format` or `Accept` asks for: label map, binary mask, overlay, COCO, GeoJSON or CSV.';

  for (const [type, of] of [
    ['image', 'Image'],
    ['artifact', 'Artifact'],
  ] as const) {
    app.post(
      `/${type}s/:id/segmentation`,
      {
        preValidation: nameMethod,
        config: { bodyExamples: SEGMENTATION_EXAMPLES },
        schema: {
          operationId: `segment${of}`,
          tags,
          summary: `Segment an ${type} and keep the mask`,
          description: `${description} The artifact is kept until it is deleted. Without a body, or a \`method\` in it: by \`otsu\`.`,
          params: IdParamsSchema,
          querystring: RepresentationQuerySchema,
          body: { $ref: 'SegmentationParams#' },
          response: {
            201: { description: 'The segmentation, made now.', content: SEGMENTATION_CONTENT },
            200: { description: 'The segmentation that there was already.', content: SEGMENTATION_CONTENT },
            ...problemResponses(...COMPUTATION_CODES, ...JSON_BODY_CODES),
          },
        },
      },
      (request, reply) =>
        answer(
          request,
          reply,
          { type, id: request.params.id },
          { given: request.body, query: request.query, place: IN_BODY },
        ),
    );

    app.get(
      `/${type}s/:id/segmentation`,
      {
        config: { queryExample: SEGMENTATION_QUERY_EXAMPLE },
        schema: {
          operationId: `get${of}Segmentation`,
          tags,
          summary: `Segments of an ${type}`,
          description: `${description} The artifact (\`Content-Location\`) is kept while it is used.`,
          params: IdParamsSchema,
          querystring: SegmentationQuerySchema,
          response: { ...got, ...problemResponses(...COMPUTATION_CODES, ...CONTENT_CODES) },
        },
      },
      (request, reply) => {
        const { given, representation } = readQuery(request.query);
        return answer(
          request,
          reply,
          { type, id: request.params.id },
          { given, query: representation, place: IN_QUERY },
        );
      },
    );
  }

  app.get(
    '/artifacts/:id/segments',
    {
      schema: {
        operationId: 'getSegments',
        tags,
        summary: 'A stored segmentation in any form',
        description:
          'The segments of a mask that a segmentation has stored, in the form that `format` or `Accept` asks for.',
        params: IdParamsSchema,
        querystring: RepresentationQuerySchema,
        response: { ...got, ...problemResponses(...COMPUTATION_CODES, ...CONTENT_CODES) },
      },
    },
    async (request, reply) => {
      const representation = representationOf(request, request.query);
      const mask = await segmentations.find(request.owner, request.params.id);
      return send(request, reply, mask, representation).catch((error) => {
        throw relocateFaults(error, IN_QUERY);
      });
    },
  );
};

function readQuery(query: Parameters<typeof readSegmentationQuery>[0]) {
  try {
    return readSegmentationQuery(query);
  } catch (error) {
    throw relocateFaults(error, IN_QUERY);
  }
}
