import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { BlobReader } from '../blobs/blob-reader.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import { AppError } from '../core/errors.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import { CONTENT_CODES, FORM_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { withFormOptions } from '../http/requests/form-options.ts';
import { receiveForm, refuseUnreceivable } from '../http/requests/multipart-form.ts';
import { varyBy } from '../http/requests/negotiation.ts';
import { AsyncAnswers, acceptedResponse, PREFER_HEADER } from '../http/responses/async-answers.ts';
import { ContentQuerySchema, contentResponses, IMMUTABLE, sendContent } from '../http/responses/content.ts';
import { pageBody } from '../http/responses/next-page.ts';
import {
  emptyResponse,
  IdParamsSchema,
  jsonContent,
  jsonResponse,
  pageResponse,
  RESPONSE_HEADERS,
} from '../http/responses/responses.ts';
import type { UploadDeferral } from '../work/deferred.ts';
import { receiveLog } from './deferred-upload.ts';
import { LOG_MEDIA_TYPE } from './ingest/postgres-row-sink.ts';
import { toFrameSetResponse, uploadMessage } from './response.ts';
import {
  FrameSetChangesSchema,
  FrameSetListQuerySchema,
  UploadLogFormSchema,
  UploadLogQuerySchema,
} from './schemas.ts';
import type { FrameSetStore } from './store.ts';
import { type LogUploadServices, logLimits, type ReadOptions, uploadLog } from './upload.ts';

export interface FrameSetRoutesOptions {
  frameSets: FrameSetStore;
  blobs: BlobReader;
  blobStore: BlobStore;
  logUploads: LogUploadServices;
  /** Reads the logs whose clients prefer not to wait for that. */
  uploadDeferral: UploadDeferral;
}

const UPLOAD_CODES = [
  ...FORM_CODES,
  'quota_exceeded',
  'conflict',
  'overloaded',
  'database_unavailable',
  'storage_unavailable',
] as const;

/** Text fields that the form may have. */
const UPLOAD_OPTIONS = Object.keys(UploadLogQuerySchema.properties);

const tags = ['frames'];

const { location } = RESPONSE_HEADERS;

/** `/upload` and `/frame-sets`: uploads of image logs, and their metadata. */
export const frameSetRoutes: FastifyPluginAsyncTypebox<FrameSetRoutesOptions> = async (app, options) => {
  const { frameSets, blobs, blobStore, logUploads, uploadDeferral } = options;
  const answers = new AsyncAnswers(app, uploadDeferral);
  const limits = logLimits(logUploads.settings);

  app.post(
    '/upload',
    {
      onRequest: async (request) => refuseUnreceivable(request, limits),
      config: { access: 'frames:write', form: UploadLogFormSchema, requestHeaders: PREFER_HEADER },
      schema: {
        operationId: 'uploadImageLog',
        tags,
        summary: 'Upload an image log',
        description:
          'A multipart body with one CSV file in the field `file`: `depth,col1,…,colN`, grey levels from 0 to 255, one row per depth. ' +
          'It is stored as a whole or not at all. A fault in a row fails the upload, and the problem lists the first 100 faults with ' +
          'row, column and value. The same file with the same options returns the existing frame set. ' +
          'Options are query parameters, or fields of the form before `file`. With `Prefer: respond-async`, the file is received before the answer, ' +
          'and read by a job, which reports its progress in bytes and rows; a fault in the file is then that of the job.',
        querystring: UploadLogQuerySchema,
        response: {
          ...acceptedResponse(jsonContent('FrameSetUpload')),
          201: { ...jsonResponse('FrameSetUpload', 'The log is stored.'), headers: { location } },
          200: {
            ...jsonResponse('FrameSetUpload', 'The same log was uploaded before.'),
            headers: { location },
          },
          ...problemResponses(...UPLOAD_CODES),
        },
      },
    },
    async (request, reply) => {
      const form = receiveForm(request, { field: 'file', fields: UPLOAD_OPTIONS, limits });
      const readOptions: ReadOptions = (fields) => withFormOptions(request, fields, UploadLogQuerySchema);
      varyBy(reply, 'Prefer');
      const stored = answers.isPreferred(request)
        ? await answers.defer(request, reply, (submitter) =>
            receiveLog(readOptions, form, logUploads, clientSignal(reply), (log) =>
              uploadDeferral.submit({ ...submitter, ...log }),
            ),
          )
        : await uploadLog(request.owner, readOptions, form, logUploads, clientSignal(reply));
      if (stored === undefined) return reply.send();
      const { frameSetId, isNew } = stored;
      const frameSet = await frameSets.get(request.owner, frameSetId).catch(deletedMeanwhile);
      return reply
        .code(isNew ? 201 : 200)
        .header('location', `/frame-sets/${frameSet.id}`)
        .send({ message: uploadMessage(frameSet, isNew), ...toFrameSetResponse(frameSet) });
    },
  );

  app.get(
    '/frame-sets',
    {
      config: { access: 'frames:read' },
      schema: {
        operationId: 'listFrameSets',
        tags,
        summary: 'List frame sets',
        description: 'Newest first, a page at a time.',
        querystring: FrameSetListQuerySchema,
        response: {
          200: pageResponse('FrameSetPage', 'A page of frame sets.'),
          ...problemResponses('validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) =>
      pageBody(request, reply, await frameSets.list(request.owner, request.query), toFrameSetResponse),
  );

  app.get(
    '/frame-sets/:id',
    {
      config: { access: 'frames:read' },
      schema: {
        operationId: 'getFrameSet',
        tags,
        summary: 'A frame set',
        description:
          'With the ranges of its depths and grey levels, the options with which its file was read, and a report on its quality.',
        params: IdParamsSchema,
        response: {
          200: jsonResponse('FrameSet', 'The frame set.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request) => toFrameSetResponse(await frameSets.get(request.owner, request.params.id)),
  );

  app.get(
    '/frame-sets/:id/content',
    {
      config: { access: 'frames:read' },
      schema: {
        operationId: 'getFrameSetContent',
        tags,
        summary: 'The uploaded file of a frame set',
        description:
          'The bytes of the CSV file as they were uploaded. Has a strong `ETag`; supports conditional and range requests. 404 if the file is not kept: see `content_url`.',
        params: IdParamsSchema,
        querystring: ContentQuerySchema,
        response: {
          ...contentResponses(LOG_MEDIA_TYPE),
          ...problemResponses(...LOOKUP_CODES, ...CONTENT_CODES),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { fileSha256, size, filename } = await frameSets.get(request.owner, id);
      if (fileSha256 === null) {
        throw new AppError(
          'not_found',
          `The file of frame set ${id} is not kept (KEEP_LOG_FILES), only its frames.`,
        );
      }
      const sha256 = Buffer.from(fileSha256);
      return sendContent(request, reply, {
        sha256: sha256.toString('hex'),
        size: Number(size),
        mediaType: LOG_MEDIA_TYPE,
        filename,
        download: request.query.download,
        cacheControl: IMMUTABLE,
        // Not through the disk cache, from which a large log would evict all pictures.
        open: async (range) => Readable.from(blobStore.read(sha256, range)),
      });
    },
  );

  app.patch(
    '/frame-sets/:id',
    {
      config: { access: 'frames:write' },
      schema: {
        operationId: 'updateFrameSet',
        tags,
        summary: 'Rename a frame set or set its depth unit',
        description: 'The frames never change.',
        params: IdParamsSchema,
        body: FrameSetChangesSchema,
        response: {
          200: jsonResponse('FrameSet', 'The changed frame set.'),
          ...problemResponses(
            'not_found',
            'validation_failed',
            'malformed_json',
            'unsupported_media_type',
            'request_too_large',
            'database_unavailable',
          ),
        },
      },
    },
    async (request) => {
      const { name, depth_unit: depthUnit } = request.body;
      const changes = {
        ...(name === undefined ? {} : { name }),
        ...(depthUnit === undefined ? {} : { depthUnit }),
      };
      return toFrameSetResponse(await frameSets.update(request.owner, request.params.id, changes));
    },
  );

  app.delete(
    '/frame-sets/:id',
    {
      config: { access: 'frames:write' },
      schema: {
        operationId: 'deleteFrameSet',
        tags,
        summary: 'Delete a frame set',
        description: 'Deletes the frame set, all its frames and its file.',
        params: IdParamsSchema,
        response: {
          204: emptyResponse('It is deleted.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request, reply) => {
      blobs.forget(await frameSets.delete(request.owner, request.params.id));
      return reply.code(204).send();
    },
  );
};

/** @throws AppError `conflict` instead of `not_found`: the frame set of an upload was deleted before the answer */
function deletedMeanwhile(error: unknown): never {
  if (error instanceof AppError && error.code === 'not_found')
    throw new AppError('conflict', 'The same log was deleted during the upload; try again.');
  throw error;
}
