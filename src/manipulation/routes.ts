import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Pictures } from '../artifacts/pictures.ts';
import { contentUrlOf, toArtifactResponse } from '../artifacts/response.ts';
import type { InputRef } from '../artifacts/store.ts';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { clientSignal } from '../http/client-signal.ts';
import { REVALIDATED, sendContent } from '../http/content.ts';
import { acceptedTypes, negotiate } from '../http/negotiation.ts';
import { COMPUTATION_CODES, CONTENT_CODES, JSON_BODY_CODES, problemResponses } from '../http/problems.ts';
import { IdParamsSchema, jsonContent, RESPONSE_HEADERS } from '../http/responses.ts';
import { type FaultPlace, relocateFaults } from '../http/validation.ts';
import { oneStep } from '../imaging/one-step.ts';
import {
  canonicalizePipeline,
  PIPELINE_SCHEMAS,
  type PipelineRequest,
  PipelineSchema,
} from '../imaging/pipeline.ts';
import { formatOfMediaType, mediaTypeOf } from '../pictures/formats.ts';
import { ONE_STEP_EXAMPLES, QUERY_EXAMPLES, TRANSFORM_EXAMPLES } from './examples.ts';
import type { Transformer } from './transformer.ts';

export interface ManipulationRoutesOptions {
  pictures: Pictures;
  transformer: Transformer;
  blobs: BlobReader;
}

const tags = ['manipulation'];

const ONE_STEPS = [
  {
    name: 'resize',
    done: 'Resized',
    does: 'Resizes',
    what: 'Resize',
    about: 'to a width, a height or both, in one of the ways of `fit`',
  },
  {
    name: 'crop',
    done: 'Cropped',
    does: 'Crops',
    what: 'Crop',
    about: 'to a box, to an aspect ratio, or to what draws the eye',
  },
  {
    name: 'convert',
    done: 'Converted',
    does: 'Converts',
    what: 'Convert',
    about: 'to another format, or with other options of encoding',
  },
] as const;

const STEPS = ONE_STEPS.map((step) => ({ ...step, ...oneStep(step.name) }));

/** The schemas of this slice that have names, for `addSchema`. */
export const MANIPULATION_SCHEMAS = [...PIPELINE_SCHEMAS, ...STEPS.map(({ body }) => body)];

const IN_BODY: FaultPlace = { location: 'body', pathOf: (path) => path };

/** `/resize`, `/crop`, `/convert` and `/transform` of images and of artifacts. */
export const manipulationRoutes: FastifyPluginAsyncTypebox<ManipulationRoutesOptions> = async (
  app,
  options,
) => {
  const { transformer, pictures, blobs } = options;

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    ref: InputRef,
    pipelineRequest: PipelineRequest,
    place: FaultPlace,
  ): Promise<unknown> {
    const isGet = request.method !== 'POST';
    const source = await pictures.find(request.owner, ref);
    try {
      const acceptsFormats = acceptedTypes(request).flatMap((type) => formatOfMediaType(type) ?? []);
      const pipeline = canonicalizePipeline(pipelineRequest, { inputFormat: source.format, acceptsFormats });
      const picture = mediaTypeOf(pipeline.output.format);
      const wanted = negotiate(
        request,
        isGet ? [picture, 'application/json'] : ['application/json', picture],
      );
      const { artifact, isNew } = await transformer.transform(request.owner, source, pipeline, {
        retention: isGet ? 'cached' : 'kept',
        signal: clientSignal(reply),
      });
      reply.code(isNew && !isGet ? 201 : 200).header('vary', 'Accept');
      if (wanted === 'application/json') {
        if (isNew && !isGet) reply.header('location', `/artifacts/${artifact.id}`);
        return reply.send(toArtifactResponse(artifact));
      }
      reply.header('content-location', contentUrlOf(artifact));
      return await sendContent(request, reply, {
        sha256: artifact.sha256.toString('hex'),
        size: artifact.size,
        mediaType: artifact.mediaType,
        filename: artifact.filename,
        cacheControl: isGet ? REVALIDATED : 'no-store',
        open: (range) => blobs.open(artifact, range),
      });
    } catch (error) {
      throw relocateFaults(error, place);
    }
  }

  const picture = { 'image/*': { schema: {} } };
  // The first is what Swagger UI asks for.
  const artifactOrPicture = { ...jsonContent('Artifact'), ...picture };
  const pictureOrArtifact = { ...picture, ...jsonContent('Artifact') };
  const { etag, location, 'content-location': contentLocation, 'content-range': range } = RESPONSE_HEADERS;
  const posted = {
    201: {
      description: 'The artifact, made now; or its picture, where `Accept` prefers `image/*`.',
      content: artifactOrPicture,
      headers: { location, 'content-location': contentLocation },
    },
    200: {
      description: 'The artifact that there was already; or its picture.',
      content: artifactOrPicture,
      headers: { 'content-location': contentLocation },
    },
    ...problemResponses(...COMPUTATION_CODES, ...JSON_BODY_CODES),
  };
  const got = {
    200: {
      description: 'The picture; or its artifact, where `Accept` prefers `application/json`.',
      content: pictureOrArtifact,
      headers: { etag, 'content-location': contentLocation },
    },
    206: {
      description: 'The range of the picture that was asked for.',
      content: picture,
      headers: { etag, 'content-range': range },
    },
    304: { type: 'null', description: 'The client has this picture (`If-None-Match`).', headers: { etag } },
    ...problemResponses(...COMPUTATION_CODES, ...CONTENT_CODES),
  };

  for (const [type, of] of [
    ['image', 'Image'],
    ['artifact', 'Artifact'],
  ] as const) {
    for (const { name, what, does, done, about, ...step } of STEPS) {
      const url = `/${type}s/:id/${name}`;
      app.post(
        url,
        {
          config: { bodyExamples: ONE_STEP_EXAMPLES[name] },
          schema: {
            operationId: `${name}${of}`,
            tags,
            summary: `${what} an ${type}`,
            description: `${does} it ${about}, and stores the result as an artifact: the same as a transform with this one operation.`,
            params: IdParamsSchema,
            body: { $ref: `${step.body.$id}#` },
            response: posted,
          },
        },
        (request, reply) =>
          answer(
            request,
            reply,
            { type, id: request.params.id },
            step.fromBody(request.body as Record<string, unknown>),
            {
              location: 'body',
              pathOf: step.bodyPath,
            },
          ),
      );
      app.get(
        url,
        {
          config: { queryExample: QUERY_EXAMPLES[name] },
          schema: {
            operationId: `get${done}${of}`,
            tags,
            summary: `${done} picture of an ${type}`,
            description: `${does} it ${about}, and answers with the picture. Its artifact is in \`Content-Location\`, and is kept while it is used.`,
            params: IdParamsSchema,
            querystring: step.query,
            response: got,
          },
        },
        (request, reply) =>
          answer(
            request,
            reply,
            { type, id: request.params.id },
            step.fromQuery(request.query as Record<string, unknown>),
            {
              location: 'query',
              pathOf: step.queryPath,
            },
          ),
      );
    }

    app.post(
      `/${type}s/:id/transform`,
      {
        config: { bodyExamples: TRANSFORM_EXAMPLES },
        schema: {
          operationId: `transform${of}`,
          tags,
          summary: `Do several operations on an ${type}`,
          description:
            'Does the operations one after the other, exactly in their order, encodes the result as `output` says, and stores it as an artifact.',
          params: IdParamsSchema,
          body: { $ref: `${PipelineSchema.$id}#` },
          response: posted,
        },
      },
      (request, reply) =>
        // Validated by the schema above, which TypeScript cannot see through a reference.
        answer(request, reply, { type, id: request.params.id }, request.body as PipelineRequest, IN_BODY),
    );
  }
};
