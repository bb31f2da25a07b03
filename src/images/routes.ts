import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { AppError, type ErrorCode } from '../core/errors.ts';
import { parameterError } from '../core/faults.ts';
import { sanitizeFilename } from '../core/filename.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import type { Metrics } from '../http/operators/metrics.ts';
import { type ErrorTranslator, sendProblem, toPublicError } from '../http/problem-handler.ts';
import {
  FORM_CODES,
  LOOKUP_CODES,
  PROBLEMS,
  PROCESSING_CODES,
  problemResponses,
  problemResponsesOf,
  toProblem,
} from '../http/problems/problems.ts';
import {
  acceptFileBodies,
  isFileBody,
  receiveFileBody,
  refuseUnreceivableFile,
} from '../http/requests/file-body.ts';
import { receiveForm, refuseUnreceivable } from '../http/requests/multipart-form.ts';
import { pageBody } from '../http/responses/next-page.ts';
import { RESOURCES } from '../http/responses/operation-documents.ts';
import { IdParamsSchema, jsonResponse, pageResponse } from '../http/responses/responses.ts';
import { storedRoutes } from '../http/responses/stored-routes.ts';
import { FORMATS, IMAGE_FORMATS } from '../pictures/formats.ts';
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
  'quota_exceeded',
  ...PROCESSING_CODES,
];

const OR_A_PICTURE = ', or one picture with its own type, such as image/jpeg';

/** `/images`: upload, list, metadata, rename, delete, and the original bytes. */
export const imageRoutes: FastifyPluginAsyncTypebox<ImageRoutesOptions> = async (app, options) => {
  const { images, blobs, uploads, metrics, translateError } = options;
  const tags = ['images'];
  const [resource] = RESOURCES;
  const limits = uploadLimits(uploads.settings);

  await app.register(async (scope) => {
    acceptFileBodies(scope);
    scope.post(
      '/images',
      {
        onRequest: async (request) => {
          if (isFileBody(request)) refuseUnreceivableFile(request, limits);
          else refuseUnreceivable(request, limits, OR_A_PICTURE);
        },
        config: { access: 'images:write', form: UploadFormSchema },
        schema: {
          operationId: 'uploadImages',
          tags,
          summary: 'Upload one or more images',
          description:
            'A multipart body with one or more files in the field `files` (or `file`). The format of each file is detected from its content, the ' +
            'limits are checked, and the file is decoded once in full. A bad file does not affect the others; a file that is already ' +
            'stored returns the existing image. If the body is cut off or too long, nothing is stored. ' +
            'The body may also be one picture with its own `Content-Type`, such as `image/jpeg`; `Content-Disposition` may name it.',
          response: {
            201: jsonResponse('UploadResponse', 'At least one image was created.'),
            200: jsonResponse('UploadResponse', 'No image was created, but at least one already existed.'),
            ...problemResponsesOf('UploadProblem', UPLOAD_CODES),
          },
        },
      },
      async (request, reply) => {
        const form = isFileBody(request)
          ? receiveFileBody(request, limits)
          : receiveForm(request, { field: 'files', alias: 'file', limits });
        const outcomes = await uploadImages(request.owner, form, uploads, clientSignal(reply));
        return sendOutcomes(request, reply, outcomes, metrics, translateError);
      },
    );
  });

  app.get(
    '/images',
    {
      config: { access: 'images:read' },
      schema: {
        operationId: 'listImages',
        tags,
        summary: 'List images',
        description: 'Newest first unless `sort` says otherwise, one page at a time.',
        querystring: ImageListQuerySchema,
        response: {
          200: pageResponse('ImagePage', 'A page of images.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { include_gps: includeGps, ...query } = request.query;
      const page = await images.list(request.owner, query);
      return pageBody(request, reply, page, (image) => toImageResponse(image, { includeGps }));
    },
  );

  app.get(
    '/images/:id',
    {
      config: { access: 'images:read' },
      schema: {
        operationId: 'getImage',
        tags,
        summary: 'The metadata of an image',
        description: 'Read from the bytes when the image was uploaded.',
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
      config: { access: 'images:write' },
      schema: {
        operationId: 'updateImage',
        tags,
        summary: 'Rename an image',
        description: 'Only the given fields are changed. The bytes never change.',
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

  await app.register(storedRoutes, {
    resource,
    mediaTypes: IMAGE_FORMATS.map((format) => FORMATS[format].mediaType),
    blobs,
    find: ({ owner }, id) => images.source(owner, id),
    delete: (owner, id) => images.delete(owner, id),
  });
};

/** @throws AppError `validation_failed` if nothing is left of the name */
function toChanges({ filename: given = '' }: ImageChanges): ImageChanges {
  const filename = sanitizeFilename(given, '');
  if (filename === '') throw parameterError('/filename', 'a valid file name', given);
  return { filename };
}

/**
 * Answers with the results of a batch: 201 if an image was created, 200 if one already existed, otherwise a problem. So a batch that
 * is sent again succeeds again.
 */
function sendOutcomes(
  request: FastifyRequest,
  reply: FastifyReply,
  outcomes: readonly UploadOutcome[],
  metrics: Metrics,
  translate: ErrorTranslator,
): FastifyReply {
  const errors: AppError[] = [];
  const results = outcomes.map((outcome): UploadResult => {
    if (outcome.status !== 'failed') {
      if (outcome.status === 'created') metrics.storedBytes.inc(Number(outcome.image.size));
      const image = toImageResponse(outcome.image, { includeGps: false });
      return { status: outcome.status, filename: outcome.filename, image };
    }
    const error = toPublicError(outcome.error, request, translate);
    if (error.code === 'internal_error') request.log.error({ err: error.cause }, 'file failed');
    errors.push(error);
    return { status: 'failed', filename: outcome.filename, problem: toProblem(error, request) };
  });
  if (outcomes.some(({ status }) => status === 'created')) return reply.code(201).send({ results });
  if (outcomes.some(({ status }) => status === 'existing')) return reply.code(200).send({ results });
  return sendProblem(request, reply, commonError(errors), { results });
}

/** One error for a batch in which every file failed: the one that all failures share, or `validation_failed`. */
function commonError(errors: readonly AppError[]): AppError {
  const statuses = new Set(errors.map(({ code }) => PROBLEMS[code].status));
  const [first] = errors;
  const code = statuses.size === 1 && first ? first.code : 'validation_failed';
  const detail =
    errors.length === 1 && first
      ? first.detail
      : `No image was created; ${errors.length} files failed, for the reasons in results.`;
  const retryAfter = first?.retryAfter;
  return new AppError(code, detail, retryAfter === undefined ? {} : { retryAfter });
}
