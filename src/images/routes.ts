import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { AppError, type ErrorCode } from '../core/errors.ts';
import { parameterError } from '../core/faults.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import type { Metrics } from '../http/operators/metrics.ts';
import { type ErrorTranslator, sendProblem, toPublicError } from '../http/problem-handler.ts';
import {
  CONTENT_CODES,
  FORM_CODES,
  LOOKUP_CODES,
  PROBLEMS,
  PROCESSING_CODES,
  problemResponses,
  problemResponsesOf,
  toProblem,
} from '../http/problems/problems.ts';
import { receiveForm, refuseUnreceivable } from '../http/requests/multipart-form.ts';
import {
  ContentQuerySchema,
  contentResponses,
  IMMUTABLE,
  sendContent,
  storedContent,
} from '../http/responses/content.ts';
import { linkNextPage } from '../http/responses/next-page.ts';
import { emptyResponse, IdParamsSchema, jsonResponse, pageResponse } from '../http/responses/responses.ts';
import { sanitizeFilename } from './filename.ts';
import { toImageResponse } from './response.ts';
import { type ImageChanges, ImageChangesSchema, ImageListQuerySchema, ImageQuerySchema } from './schemas.ts';
import type { ImageStore } from './store.ts';
import { type UploadOutcome, type UploadServices, uploadImages, uploadLimits } from './upload.ts';
import { UploadFormSchema, type UploadResult } from './upload-schemas.ts';

export interface ImageRoutesOptions {
  images: ImageStore;
  blobs: BlobReader;
  uploads: UploadServices;
  metrics: Metrics;
  translateError: ErrorTranslator;
}

const UPLOAD_CODES: readonly ErrorCode[] = [
  ...FORM_CODES,
  'unsupported_image_format',
  'undecodable_image',
  'too_many_pixels',
  ...PROCESSING_CODES,
];

/** `/images`: upload, list, metadata, rename, delete and the original bytes. */
export const imageRoutes: FastifyPluginAsyncTypebox<ImageRoutesOptions> = async (app, options) => {
  const { images, blobs, uploads, metrics, translateError } = options;
  const tags = ['images'];
  const limits = uploadLimits(uploads.settings);

  app.post(
    '/images',
    {
      onRequest: async (request) => refuseUnreceivable(request, limits),
      config: { form: UploadFormSchema },
      schema: {
        operationId: 'uploadImages',
        tags,
        summary: 'Upload one image or many',
        description:
          'A multipart body with the field `files`, once or many times. Each file is told by its bytes, held to the limits and ' +
          'decoded once in full. A bad file fails alone; equal bytes are the same image. A body that is cut off or too long stores nothing.',
        response: {
          201: jsonResponse('UploadResponse', 'At least one image was created.'),
          200: jsonResponse('UploadResponse', 'All the images existed.'),
          ...problemResponsesOf('UploadProblem', UPLOAD_CODES),
        },
      },
    },
    async (request, reply) => {
      const form = receiveForm(request, { field: 'files', limits });
      const outcomes = await uploadImages(request.owner, form, uploads, clientSignal(reply));
      return sendOutcomes(request, reply, outcomes, metrics, translateError);
    },
  );

  app.get(
    '/images',
    {
      schema: {
        operationId: 'listImages',
        tags,
        summary: 'List images',
        description: 'Newest first unless sorted otherwise, a page at a time.',
        querystring: ImageListQuerySchema,
        response: {
          200: pageResponse('ImagePage', 'A page of images.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { include_gps: includeGps, ...query } = request.query;
      const { images: page, nextCursor } = await images.list(request.owner, query);
      if (nextCursor) linkNextPage(request, reply, nextCursor);
      return { items: page.map((image) => toImageResponse(image, { includeGps })), next_cursor: nextCursor };
    },
  );

  app.get(
    '/images/:id',
    {
      schema: {
        operationId: 'getImage',
        tags,
        summary: "An image's metadata",
        description: 'Read from its bytes when it was uploaded.',
        params: IdParamsSchema,
        querystring: ImageQuerySchema,
        response: {
          200: jsonResponse('Image', 'The image.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request) => {
      const image = await images.get(request.owner, request.params.id);
      return toImageResponse(image, { includeGps: request.query.include_gps });
    },
  );

  app.patch(
    '/images/:id',
    {
      schema: {
        operationId: 'updateImage',
        tags,
        summary: 'Change what an image is called',
        description: 'Only what is given is changed. The bytes never change.',
        params: IdParamsSchema,
        body: ImageChangesSchema,
        response: {
          200: jsonResponse('Image', 'The image as it is now.'),
          ...problemResponses(
            ...LOOKUP_CODES,
            'malformed_json',
            'unsupported_media_type',
            'request_too_large',
          ),
        },
      },
    },
    async (request) => {
      const changes = toChanges(request.body);
      const image = await images.update(request.owner, request.params.id, changes);
      return toImageResponse(image, { includeGps: false });
    },
  );

  app.delete(
    '/images/:id',
    {
      schema: {
        operationId: 'deleteImage',
        tags,
        summary: 'Delete an image',
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
      blobs.forget(await images.delete(request.owner, request.params.id));
      return reply.code(204).send();
    },
  );

  app.get(
    '/images/:id/content',
    {
      schema: {
        operationId: 'getImageContent',
        tags,
        summary: 'The original bytes',
        description:
          'As they were uploaded, with a strong `ETag`; conditional and range requests are answered.',
        params: IdParamsSchema,
        querystring: ContentQuerySchema,
        response: {
          ...contentResponses('image/*'),
          ...problemResponses(...LOOKUP_CODES, ...CONTENT_CODES),
        },
      },
    },
    async (request, reply) => {
      const source = await images.source(request.owner, request.params.id);
      const { download } = request.query;
      return sendContent(request, reply, storedContent(blobs, source, { download, cacheControl: IMMUTABLE }));
    },
  );
};

/** @throws AppError `validation_failed` for a name of which nothing is left as a file name */
function toChanges({ filename: given, ...changes }: ImageChanges): ImageChanges {
  if (given === undefined) return changes;
  const filename = sanitizeFilename(given, '');
  if (filename === '') throw parameterError('/filename', 'a name that a file may have', given);
  return { ...changes, filename };
}

/** The results of a batch, with the status that they have in common. */
function sendOutcomes(
  request: FastifyRequest,
  reply: FastifyReply,
  outcomes: readonly UploadOutcome[],
  metrics: Metrics,
  translate: ErrorTranslator,
): FastifyReply {
  const errors = new Map<UploadOutcome, AppError>();
  const results = outcomes.map((outcome): UploadResult => {
    if (outcome.status !== 'failed') {
      if (outcome.status === 'created') metrics.storedBytes.inc(Number(outcome.image.size));
      const image = toImageResponse(outcome.image, { includeGps: false });
      return { status: outcome.status, filename: outcome.filename, image };
    }
    const error = toPublicError(outcome.error, request, translate);
    if (error.code === 'internal_error') request.log.error({ err: error.cause }, 'file failed');
    errors.set(outcome, error);
    return { status: 'failed', filename: outcome.filename, problem: toProblem(error, request) };
  });
  if (outcomes.some(({ status }) => status === 'created')) return reply.code(201).send({ results });
  if (errors.size === 0) return reply.code(200).send({ results });
  return sendProblem(request, reply, commonError([...errors.values()]), { results });
}

/** One error for a batch of which nothing was created: the one that all failures share, or `validation_failed`. */
function commonError(errors: readonly AppError[]): AppError {
  const statuses = new Set(errors.map(({ code }) => PROBLEMS[code].status));
  const [first] = errors;
  const code = statuses.size === 1 && first ? first.code : 'validation_failed';
  const detail =
    errors.length === 1 && first
      ? first.detail
      : `No image was created; ${errors.length} files failed, each for the reason in results.`;
  const retryAfter = first?.retryAfter;
  return new AppError(code, detail, retryAfter === undefined ? {} : { retryAfter });
}
