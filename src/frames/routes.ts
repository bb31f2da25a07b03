import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { Database } from '../db/database.ts';
import { negotiate } from '../http/negotiation.ts';
import type { ErrorTranslator } from '../http/problem-handler.ts';
import { problemResponses } from '../http/problems.ts';
import { emptyResponse, jsonResponse } from '../http/responses.ts';
import { COLORMAPS, DEFAULT_COLORMAP } from './colormap.ts';
import { FRAME_HEADERS, frameEtag, isNotModified, sendFrames } from './frame-answer.ts';
import { readFrameRequest, requireCommonWidth } from './frame-request.ts';
import { countFrames } from './frame-selection.ts';
import { encodeSwatch } from './picture.ts';
import { csvFrames, jsonFrames, ndjsonFrames, rawFrames } from './representations.ts';
import { FrameListQuerySchema } from './schemas.ts';
import type { FrameSetStore } from './store.ts';

export interface FrameRoutesOptions {
  database: Database;
  frameSets: FrameSetStore;
  translateError: ErrorTranslator;
}

const tags = ['frames'];

const REPRESENTATIONS = {
  'application/json': jsonFrames,
  'application/x-ndjson': ndjsonFrames,
  'text/csv': csvFrames,
  'application/octet-stream': rawFrames,
} as const;
type StreamType = keyof typeof REPRESENTATIONS;
const STREAM_TYPES = Object.keys(REPRESENTATIONS) as StreamType[];

/** `/frames` and `/colormaps`: image logs out, as frames and as pictures. */
export const frameRoutes: FastifyPluginAsyncTypebox<FrameRoutesOptions> = async (app, options) => {
  const { database, frameSets, translateError } = options;

  app.get(
    '/frames',
    {
      schema: {
        operationId: 'getFrames',
        tags,
        summary: 'Frames of a range of depths',
        description: 'By `Accept`.',
        querystring: FrameListQuerySchema,
        response: {
          200: {
            description: 'The frames.',
            headers: FRAME_HEADERS,
            content: {
              'application/json': { schema: Type.Array(Type.Ref('Frame')) },
              'application/x-ndjson': { schema: { type: 'string' } },
              'text/csv': { schema: { type: 'string' } },
              'application/octet-stream': { schema: {} },
            },
          },
          304: emptyResponse('The client has this answer (`If-None-Match`).'),
          ...problemResponses(
            'not_found',
            'not_acceptable',
            'validation_failed',
            'conflict',
            'database_unavailable',
          ),
        },
      },
    },
    async (request, reply) => {
      const { query, owner } = request;
      const mediaType = negotiate(request, STREAM_TYPES);
      const sets = await frameSets.select(owner, {
        id: query.frame_set_id,
        depthMin: query.depth_min,
        depthMax: query.depth_max,
      });
      const frames = readFrameRequest(query, sets);
      if (mediaType === 'text/csv' || mediaType === 'application/octet-stream') requireCommonWidth(frames);
      if (isNotModified(request, reply, frameEtag(frames, mediaType))) return reply.code(304).send();
      const facts = await countFrames(database.pool, frames.selection);
      const representation = REPRESENTATIONS[mediaType](frames.colormap.table);
      return sendFrames(request, reply, frames, representation, {
        pool: database.pool,
        facts,
        translateError,
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
          ...problemResponses(),
        },
      },
    },
    async () => ({ items: colormaps }),
  );
};
