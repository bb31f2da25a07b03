import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PageQuery } from '../core/cursor.ts';
import { ObjectWithDefaults } from '../core/schema.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import { FORM_CODES, LOOKUP_CODES, problemResponses } from '../http/problems/problems.ts';
import { receiveForm, refuseUnreceivable } from '../http/requests/multipart-form.ts';
import { pageBody } from '../http/responses/next-page.ts';
import { emptyResponse, IdParamsSchema, jsonResponse, pageResponse } from '../http/responses/responses.ts';
import { toFrameSetResponse, uploadMessage } from './response.ts';
import { FrameSetChangesSchema, UploadLogFormSchema, UploadLogQuerySchema } from './schemas.ts';
import type { FrameSetStore } from './store.ts';
import { type LogUploadServices, logLimits, uploadLog } from './upload.ts';

export interface FrameSetRoutesOptions {
  frameSets: FrameSetStore;
  logUploads: LogUploadServices;
}

const UPLOAD_CODES = [
  ...FORM_CODES,
  'conflict',
  'overloaded',
  'database_unavailable',
  'storage_unavailable',
] as const;

const tags = ['frames'];

/** `/upload` and `/frame-sets`: uploads of image logs, and their metadata. */
export const frameSetRoutes: FastifyPluginAsyncTypebox<FrameSetRoutesOptions> = async (app, options) => {
  const { frameSets, logUploads } = options;
  const limits = logLimits(logUploads.settings);

  app.post(
    '/upload',
    {
      onRequest: async (request) => refuseUnreceivable(request, limits),
      config: { form: UploadLogFormSchema },
      schema: {
        operationId: 'uploadImageLog',
        tags,
        summary: 'Upload an image log',
        description:
          'A multipart body with one CSV file in the field `file`: `depth,col1,…,colN`, grey levels from 0 to 255, one row per depth. ' +
          'It is stored as a whole or not at all. A fault in a row fails the upload, and the problem lists the first 100 faults with ' +
          'row, column and value. The same file with the same options returns the existing frame set.',
        querystring: UploadLogQuerySchema,
        response: {
          201: jsonResponse('FrameSetUpload', 'The log is stored.'),
          200: jsonResponse('FrameSetUpload', 'The same log was uploaded before.'),
          ...problemResponses(...UPLOAD_CODES),
        },
      },
    },
    async (request, reply) => {
      const { owner, query } = request;
      const form = receiveForm(request, { field: 'file', limits });
      const { frameSet, isNew } = await uploadLog(owner, query, form, logUploads, clientSignal(reply));
      return reply
        .code(isNew ? 201 : 200)
        .header('location', `/frame-sets/${frameSet.id}`)
        .send({ message: uploadMessage(frameSet, isNew), ...toFrameSetResponse(frameSet) });
    },
  );

  app.get(
    '/frame-sets',
    {
      schema: {
        operationId: 'listFrameSets',
        tags,
        summary: 'List frame sets',
        description: 'Newest first, a page at a time.',
        querystring: ObjectWithDefaults(PageQuery),
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

  app.patch(
    '/frame-sets/:id',
    {
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
      schema: {
        operationId: 'deleteFrameSet',
        tags,
        summary: 'Delete a frame set',
        description: 'Deletes the frame set and all its frames.',
        params: IdParamsSchema,
        response: {
          204: emptyResponse('It is deleted.'),
          ...problemResponses(...LOOKUP_CODES),
        },
      },
    },
    async (request, reply) => {
      await frameSets.delete(request.owner, request.params.id);
      return reply.code(204).send();
    },
  );
};
