import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import type { Database } from '../db/database.ts';
import type { ErrorCode } from '../errors.ts';
import { clientSignal } from '../http/client-signal.ts';
import { acceptable, negotiate } from '../http/negotiation.ts';
import type { ErrorTranslator } from '../http/problem-handler.ts';
import { PROCESSING_CODES, problemResponses } from '../http/problems.ts';
import { emptyResponse, jsonContent, jsonResponse } from '../http/responses.ts';
import { COLORMAPS, DEFAULT_COLORMAP } from './colormap.ts';
import { FRAME_HEADERS, frameEtag, isNotModified, sendFrames } from './frame-answer.ts';
import { readFrame } from './frame-detail.ts';
import { readFrameRequest, requireCommonWidth } from './frame-request.ts';
import { countFrames } from './frame-selection.ts';
import { encodeSwatch } from './picture.ts';
import type { FramePictures } from './picture-answer.ts';
import type { PictureFormat } from './picture-input.ts';
import { csvFrames, jsonFrames, ndjsonFrames, rawFrames } from './representations.ts';
import { FrameListQuerySchema, FrameParamsSchema, FrameQuerySchema } from './schemas.ts';
import type { FrameSetStore } from './store.ts';

export interface FrameRoutesOptions {
  database: Database;
  frameSets: FrameSetStore;
  framePictures: FramePictures;
  translateError: ErrorTranslator;
}

const tags = ['frames'];

const FRAME_CODES: readonly ErrorCode[] = [
  'not_found',
  'not_acceptable',
  'validation_failed',
  'output_too_large',
  ...PROCESSING_CODES,
];

const REPRESENTATIONS = {
  'application/json': jsonFrames,
  'application/x-ndjson': ndjsonFrames,
  'text/csv': csvFrames,
  'application/octet-stream': rawFrames,
} as const;
type StreamType = keyof typeof REPRESENTATIONS;
/** Those in which each frame has its own width. */
const JSON_TYPES: readonly string[] = ['application/json', 'application/x-ndjson'];
const STREAM_TYPES = Object.keys(REPRESENTATIONS) as StreamType[];

const PICTURES: Readonly<Record<string, PictureFormat>> = {
  'image/png': 'png',
  'image/webp': 'webp',
  'image/jpeg': 'jpeg',
};
const OFFERED = [...STREAM_TYPES, ...Object.keys(PICTURES)];

/** The picture formats that a request accepts, most preferred first; none where it prefers something else. */
function pictureFormats(request: FastifyRequest, mediaType: string): PictureFormat[] {
  if (!(mediaType in PICTURES)) return [];
  return acceptable(request, Object.keys(PICTURES)).flatMap((type) => PICTURES[type] ?? []);
}

const DESCRIPTION = `Frames by depth, of one frame set or of all. \`Accept\` chooses how:

| \`Accept\` | |
| --- | --- |
| \`application/json\` (default) | an array of frames, each a base64 PNG one pixel high |
| \`application/x-ndjson\` | the same, a frame in each line; a failure on the way ends it with a line \`{"error": …}\` |
| \`text/csv\` | \`depth,col1,…\`: grey levels as numbers, missing pixels empty |
| \`application/octet-stream\` | grey levels, a byte each, row after row; missing pixels are 0 |
| \`image/png\`, \`image/webp\`, \`image/jpeg\` | all frames stacked as one picture, of \`height\` rows where it is given |

Without \`limit\` all of the range is streamed. With it, \`Link: rel="next"\` names the next page. Grey levels are averaged, then
normalized, then coloured; headers say what was applied. Frame sets of several widths in one picture, CSV or raw answer need a \`width\`.`;

/** `/frames` and `/colormaps`: image logs out, as frames and as pictures. */
export const frameRoutes: FastifyPluginAsyncTypebox<FrameRoutesOptions> = async (app, options) => {
  const { database, frameSets, framePictures, translateError } = options;

  app.get(
    '/frames',
    {
      schema: {
        operationId: 'getFrames',
        tags,
        summary: 'Frames of a range of depths',
        description: DESCRIPTION,
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
              'image/*': { schema: {} },
            },
          },
          304: emptyResponse('The client has this answer (`If-None-Match`).'),
          ...problemResponses(...FRAME_CODES),
        },
      },
    },
    async (request, reply) => {
      const { query, owner } = request;
      const mediaType = negotiate(request, OFFERED);
      const formats = pictureFormats(request, mediaType);
      const sets = await frameSets.select(owner, {
        id: query.frame_set_id,
        depthMin: query.depth_min,
        depthMax: query.depth_max,
      });
      const frames = readFrameRequest(query, sets);
      if (!JSON_TYPES.includes(mediaType)) requireCommonWidth(frames);
      const variant = [mediaType, formats, query.height, query.scale];
      if (isNotModified(request, reply, frameEtag(frames, variant))) return reply.code(304).send();
      const facts = await countFrames(database.pool, frames.selection);
      if (formats.length > 0) {
        const picture = { frames, facts, formats, signal: clientSignal(reply) };
        return framePictures.send(request, reply, query, picture);
      }
      const representation = REPRESENTATIONS[mediaType as StreamType](frames.colormap.table);
      return sendFrames(request, reply, frames, representation, {
        pool: database.pool,
        facts,
        translateError,
      });
    },
  );

  app.get(
    '/frames/:id',
    {
      schema: {
        operationId: 'getFrame',
        tags,
        summary: 'One frame',
        description: 'As JSON, or by `Accept` as the PNG itself.',
        params: FrameParamsSchema,
        querystring: FrameQuerySchema,
        response: {
          200: {
            description: 'The frame.',
            content: { ...jsonContent('FrameDetail'), 'image/png': { schema: {} } },
          },
          ...problemResponses('not_found', 'not_acceptable', 'validation_failed', 'database_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const mediaType = negotiate(request, ['application/json', 'image/png']);
      const { id } = request.params;
      const frame = await readFrame(
        database.pool,
        await frameSets.ofFrame(request.owner, id),
        id,
        request.query,
      );
      reply.header('vary', 'Accept');
      if (mediaType === 'image/png') return reply.type(mediaType).send(frame.png);
      return { ...frame.detail, image: frame.png.toString('base64') };
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
