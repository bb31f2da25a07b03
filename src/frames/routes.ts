import { createHash } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OwnerId } from '../auth/owner.ts';
import type { ErrorCode } from '../core/errors.ts';
import { bytesContent } from '../core/schema.ts';
import type { Database } from '../db/database.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import type { ErrorTranslator } from '../http/problem-handler.ts';
import { PROCESSING_CODES, problemResponses } from '../http/problems/problems.ts';
import { contentResponses, REVALIDATED, sendContent } from '../http/responses/content.ts';
import { emptyResponse, jsonResponse } from '../http/responses/responses.ts';
import { FRAME_HEADERS, type FrameRequest, frameEtag, isKnown, sendFrames } from './frame-answer.ts';
import { type FramePictures, pictureFormats } from './picture/answer.ts';
import { encodeSwatch } from './picture/picture.ts';
import { readFrame } from './reading/frame-detail.ts';
import { readFrameRequest, requireCommonWidth } from './reading/frame-request.ts';
import { countFrames } from './reading/frame-selection.ts';
import { EXPORTS, jsonFrames, type Representation } from './reading/representations.ts';
import { COLORMAPS, DEFAULT_COLORMAP } from './rows/colormap.ts';
import {
  FrameExportQuerySchema,
  type FrameListQuery,
  FrameListQuerySchema,
  FrameParamsSchema,
  FramePictureQuerySchema,
  FrameQuerySchema,
} from './schemas.ts';
import type { FrameSetStore } from './store.ts';

export interface FrameRoutesOptions {
  database: Database;
  frameSets: FrameSetStore;
  framePictures: FramePictures;
  translateError: ErrorTranslator;
}

const tags = ['frames'];

/** What whoever reads frames can meet; `conflict`: they were deleted meanwhile. */
const READ_CODES: readonly ErrorCode[] = [
  'not_found',
  'validation_failed',
  'conflict',
  'database_unavailable',
];

const ALL_OR_A_PAGE =
  'Without `limit` all of the range is streamed. With it, `Link: rel="next"` names the next page.';
const LOOK = 'Grey levels are averaged, then normalized, then coloured.';
const HEADERS = 'Headers say what was applied.';
const ONE_WIDTH = 'Frame sets of several widths need a `width`.';
const NOT_MODIFIED = emptyResponse('The client has this answer (`If-None-Match`).');

/** `/frames` and `/colormaps`: image logs out, as frames and as pictures. */
export const frameRoutes: FastifyPluginAsyncTypebox<FrameRoutesOptions> = async (app, options) => {
  const { database, frameSets, framePictures, translateError } = options;
  const { pool } = database;

  const select = async (owner: OwnerId, query: FrameListQuery): Promise<FrameRequest> => {
    const { frame_set_id: id, depth_min: depthMin, depth_max: depthMax } = query;
    return readFrameRequest(query, await frameSets.select(owner, { id, depthMin, depthMax }));
  };

  /** Answers with frames one after the other, or with 304. */
  const stream = async (
    request: FastifyRequest,
    reply: FastifyReply,
    frames: FrameRequest,
    representation: Representation,
  ): Promise<FastifyReply> => {
    const etag = frameEtag(frames, representation.mediaType);
    if (isKnown(request, reply, etag)) return reply.code(304).send();
    const facts = await countFrames(pool, frames.selection);
    return sendFrames(request, reply, frames, representation, { pool, facts, translateError });
  };

  app.get(
    '/frames',
    {
      schema: {
        operationId: 'getFrames',
        tags,
        summary: 'Frames of a range of depths',
        description: `An array of frames, each with a base64 PNG one pixel high, of one frame set or of all. ${ALL_OR_A_PAGE} ${LOOK} ${HEADERS}`,
        querystring: FrameListQuerySchema,
        response: {
          200: {
            description: 'The frames.',
            headers: FRAME_HEADERS,
            content: { 'application/json': { schema: Type.Array(Type.Ref('Frame')) } },
          },
          304: NOT_MODIFIED,
          ...problemResponses(...READ_CODES),
        },
      },
    },
    async (request, reply) => {
      const frames = await select(request.owner, request.query);
      return stream(request, reply, frames, jsonFrames(frames.colormap.table));
    },
  );

  app.get(
    '/frames/export',
    {
      schema: {
        operationId: 'exportFrames',
        tags,
        summary: 'Frames of a range of depths as a file',
        description: `The frames of \`GET /frames\` as a file.

| \`format\` | |
| --- | --- |
| \`csv\` (default) | \`depth,col1,…\`: grey levels as numbers, missing pixels empty. It can be uploaded again |
| \`ndjson\` | the items of \`GET /frames\`, one in each line; a failure on the way ends it with a line \`{"error": …}\` |
| \`raw\` | grey levels, a byte each, row after row; missing pixels are 0 |

${ALL_OR_A_PAGE} ${LOOK} ${HEADERS} Only NDJSON is coloured. In CSV and raw bytes all rows have one width: ${ONE_WIDTH}`,
        querystring: FrameExportQuerySchema,
        response: {
          200: {
            description: 'The frames.',
            headers: FRAME_HEADERS,
            content: bytesContent('text/csv', 'application/x-ndjson', 'application/octet-stream'),
          },
          304: NOT_MODIFIED,
          ...problemResponses(...READ_CODES),
        },
      },
    },
    async (request, reply) => {
      const { format } = request.query;
      const frames = await select(request.owner, request.query);
      if (format !== 'ndjson') requireCommonWidth(frames);
      return stream(request, reply, frames, EXPORTS[format](frames.colormap.table));
    },
  );

  app.get(
    '/frames/picture',
    {
      schema: {
        operationId: 'getFramesPicture',
        tags,
        summary: 'Frames of a range of depths as one picture',
        description: `The frames of \`GET /frames\` stacked, of \`height\` rows where it is given. ${LOOK} ${HEADERS} ${ONE_WIDTH} With \`limit\`, \`Link: rel="next"\` names the picture of the next frames.`,
        querystring: FramePictureQuerySchema,
        response: {
          200: {
            description: 'The picture.',
            headers: FRAME_HEADERS,
            content: bytesContent('image/png', 'image/webp', 'image/jpeg'),
          },
          304: NOT_MODIFIED,
          ...problemResponses(
            'not_found',
            'not_acceptable',
            'validation_failed',
            'output_too_large',
            ...PROCESSING_CODES,
          ),
        },
      },
    },
    async (request, reply) => {
      const { query, owner } = request;
      const formats = pictureFormats(request, reply, query.format);
      const frames = await select(owner, query);
      requireCommonWidth(frames);
      const etag = frameEtag(frames, ['picture', formats, query.height, query.scale]);
      if (isKnown(request, reply, etag)) return reply.code(304).send();
      const facts = await countFrames(pool, frames.selection);
      const picture = { query, frames, facts, formats, signal: clientSignal(reply) };
      return framePictures.send(request, reply, picture);
    },
  );

  app.get(
    '/frames/:id',
    {
      schema: {
        operationId: 'getFrame',
        tags,
        summary: 'One frame',
        description: `With the base64 PNG of \`GET /frames/{id}/picture\`. ${LOOK}`,
        params: FrameParamsSchema,
        querystring: FrameQuerySchema,
        response: {
          200: jsonResponse('FrameDetail', 'The frame.'),
          ...problemResponses(...READ_CODES),
        },
      },
    },
    async ({ owner, params: { id }, query }) => {
      const { detail, png } = await readFrame(pool, await frameSets.ofFrame(owner, id), id, query);
      return { ...detail, image: png.toString('base64') };
    },
  );

  app.get(
    '/frames/:id/picture',
    {
      schema: {
        operationId: 'getFramePicture',
        tags,
        summary: 'The picture of one frame',
        description: `A PNG one pixel high. ${LOOK}`,
        params: FrameParamsSchema,
        querystring: FrameQuerySchema,
        response: {
          ...contentResponses('image/png'),
          ...problemResponses(...READ_CODES, 'precondition_failed', 'range_not_satisfiable'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const set = await frameSets.ofFrame(request.owner, id);
      const { png } = await readFrame(pool, set, id, request.query);
      return sendContent(request, reply, {
        sha256: createHash('sha256').update(png).digest('hex'),
        mediaType: 'image/png',
        filename: `frame-${id}.png`,
        cacheControl: REVALIDATED,
        size: png.length,
        open: async ({ start, end }) => png.subarray(start, end),
      });
    },
  );

  const colormaps = COLORMAPS.map(({ name, description, stops, table }) => ({
    name,
    description,
    is_default: name === DEFAULT_COLORMAP,
    stops,
    swatch: encodeSwatch(table).toString('base64'),
  }));

  app.get(
    '/colormaps',
    {
      schema: {
        operationId: 'listColormaps',
        tags,
        summary: 'Colour maps',
        description: 'Those that have a name. Each is also there reversed, as `NAME_r`.',
        response: {
          200: jsonResponse('ColormapList', 'The colour maps.'),
          ...problemResponses('validation_failed'),
        },
      },
    },
    async () => ({ items: colormaps }),
  );
};
