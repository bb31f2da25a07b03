import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OwnerId } from '../auth/owner.ts';
import { AppError, type ErrorCode } from '../core/errors.ts';
import { bytesContent } from '../core/schema.ts';
import type { Database } from '../db/database.ts';
import { clientSignal } from '../http/connections/client-signal.ts';
import { type ErrorTranslator, toPublicError } from '../http/problem-handler.ts';
import { PROCESSING_CODES, problemResponses, toProblem } from '../http/problems/problems.ts';
import { acceptable, negotiate, varyBy } from '../http/requests/negotiation.ts';
import { openComputedFile, removeWhenSent } from '../http/responses/computed-file.ts';
import { contentResponses, isNotModified, REVALIDATED, sendContent } from '../http/responses/content.ts';
import { linkNextPage } from '../http/responses/next-page.ts';
import { emptyResponse, IdParamsSchema, jsonResponse } from '../http/responses/responses.ts';
import type { FramePictures } from './picture/frame-pictures.ts';
import { encodeSwatch } from './picture/picture.ts';
import {
  type FramePictureQuery,
  FramePictureQuerySchema,
  PICTURE_FORMATS,
  type PictureFormat,
} from './picture/schemas.ts';
import { readShownRows } from './reading/display-rows.ts';
import { readFrame } from './reading/frame-detail.ts';
import {
  type CountedFrames,
  commonWidth,
  type FrameRequest,
  frameEtag,
  readFrameRequest,
  refuseUnaskedMixture,
  requireCommonWidth,
} from './reading/frame-request.ts';
import { countFrames, findNearest } from './reading/frame-selection.ts';
import {
  EXPORTS,
  jsonFramePage,
  jsonFrames,
  type Representation,
  writeFrames,
} from './reading/representations.ts';
import {
  FrameExportQuerySchema,
  type FrameListQuery,
  FrameListQuerySchema,
  FramePageQuerySchema,
  FrameQuerySchema,
  NearestFrameQuerySchema,
} from './reading/schemas.ts';
import { COLORMAPS, DEFAULT_COLORMAP } from './rows/colormap.ts';
import { FrameParamsSchema } from './schemas.ts';
import type { FrameSetStore } from './store.ts';

export interface FrameRoutesOptions {
  database: Database;
  frameSets: FrameSetStore;
  framePictures: FramePictures;
  translateError: ErrorTranslator;
}

const tags = ['frames'];

/** `conflict`: frames were deleted while they were read. */
const READ_CODES: readonly ErrorCode[] = [
  'not_found',
  'validation_failed',
  'conflict',
  'database_unavailable',
];

const ALL_OR_A_PAGE =
  'Without `limit` the whole range is streamed. With `limit`, `Link: rel="next"` is the next page.';
const LOOK = 'Grey levels are averaged, then normalized, then coloured.';
const HEADERS = 'Response headers report the settings used.';
const ONE_WIDTH = 'Frame sets of different widths need a `width`.';
const NO_MIXTURE =
  'Frame sets are mixed only if `frame_set_id` names them: if several have frames in the range, the request is refused with a list of them.';
const header = (description: string, type = 'string') => ({ type, description });
const always = (description: string, type = 'string') => ({ ...header(description, type), required: true });

const ETAG_HEADER = { etag: always('Identifies these frames and how they are shown. A weak validator.') };
const NOT_MODIFIED = {
  ...emptyResponse('The client already has this response (`If-None-Match`).'),
  headers: ETAG_HEADER,
};

/** Headers of answers with frames. */
const FRAME_HEADERS = {
  ...ETAG_HEADER,
  'x-frame-count': always('Frames in the response, or in the picture.', 'integer'),
  'x-frame-width': header('Pixels per row, if all rows have the same width.', 'integer'),
  'x-frame-order': always('`depth` or `file`.'),
  'x-frame-source': always('`resized` or `original`.'),
  'x-depth-min': header('Minimum depth of the frames in the response.', 'number'),
  'x-depth-max': header('Maximum depth of the frames in the response.', 'number'),
  'x-colormap': always('The colour map used; `custom` if the request gives stops.'),
  'x-normalization': always('The normalization used.'),
  'x-normalization-window': header('Height of the window of `dynamic`, in depth units.', 'number'),
  link: header('The next page (`rel="next"`), if there is one.'),
};

/** `/frames` and `/colormaps`: frames and pictures of image logs. */
export const frameRoutes: FastifyPluginAsyncTypebox<FrameRoutesOptions> = async (app, options) => {
  const { database, frameSets, framePictures, translateError } = options;
  const { pool } = database;

  const select = async (owner: OwnerId, query: FrameListQuery) => {
    const { frame_set_id: ids, depth_min: depthMin, depth_max: depthMax } = query;
    return readFrameRequest(query, await frameSets.select(owner, { ids, depthMin, depthMax }));
  };

  /**
   * Streams frames, or answers 304. The first rows are read before the answer begins, so an early failure is a problem
   * document; a later failure breaks the connection, or ends NDJSON with an error line.
   */
  const stream = async (
    request: FastifyRequest,
    reply: FastifyReply,
    asked: FrameRequest,
    representation: Representation,
  ): Promise<FastifyReply> => {
    const { mediaType, filename } = representation;
    if (isKnown(request, reply, frameEtag(asked, mediaType))) return reply.code(304).send();
    const frames = await countFrames(pool, asked);
    const rows = readShownRows(pool, frames);
    const first = request.method === 'HEAD' ? undefined : await rows.next();
    // Not earlier, because a failure must not have these headers.
    describeFrames(request, reply, frames);
    reply.type(mediaType);
    if (filename !== undefined) reply.header('content-disposition', `inline; filename="${filename}"`);
    if (first === undefined) return sendEmpty(reply);
    const body = writeFrames(first, rows, representation, {
      columns: commonWidth(frames),
      nextCursor: frames.nextCursor,
    });
    const describe = (error: unknown) => toProblem(toPublicError(error, request, translateError), request);
    const isNdjson = mediaType === 'application/x-ndjson';
    return reply.send(Readable.from(isNdjson ? endWithProblem(body, describe) : body, { objectMode: false }));
  };

  app.get(
    '/frames',
    {
      config: { access: 'frames:read', queryExample: { depth_min: 9000.1, depth_max: 9001, limit: 10 } },
      schema: {
        operationId: 'getFrames',
        tags,
        summary: 'Frames of a range of depths',
        description: `An array of frames of one frame set or of all, each with a base64 PNG one pixel high. ${ALL_OR_A_PAGE} ${LOOK} ${HEADERS}`,
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
    '/frame-sets/:id/frames',
    {
      config: { access: 'frames:read', queryExample: { limit: 10 } },
      schema: {
        operationId: 'listFrames',
        tags,
        summary: 'A page of the frames of a frame set',
        description: `Like \`GET /frames\` for one frame set, in pages that are objects with \`items\` and \`next_cursor\`. ${LOOK} ${HEADERS}`,
        params: IdParamsSchema,
        querystring: FramePageQuerySchema,
        response: {
          200: { ...jsonResponse('FramePage', 'A page of frames.'), headers: FRAME_HEADERS },
          304: NOT_MODIFIED,
          ...problemResponses(...READ_CODES),
        },
      },
    },
    async (request, reply) => {
      const query = { ...request.query, frame_set_id: [request.params.id] };
      const frames = await select(request.owner, query);
      return stream(request, reply, frames, jsonFramePage(frames.colormap.table));
    },
  );

  app.get(
    '/frames/export',
    {
      config: { access: 'frames:read', queryExample: { depth_min: 9000.1, depth_max: 9001, limit: 10 } },
      schema: {
        operationId: 'exportFrames',
        tags,
        summary: 'Frames of a range of depths as a file',
        description: `The frames of \`GET /frames\` as a file.

| \`format\` | |
| --- | --- |
| \`csv\` (default) | \`depth,col1,…\`: grey levels as numbers, missing pixels empty. It can be uploaded again |
| \`ndjson\` | the items of \`GET /frames\`, one per line; after a failure, the last line is \`{"error": …}\` |
| \`raw\` | grey levels, one byte each, row by row; missing pixels are 0 |

${ALL_OR_A_PAGE} ${LOOK} ${HEADERS} Only NDJSON is coloured. CSV and raw bytes are one table. ${NO_MIXTURE} ${ONE_WIDTH}`,
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
      if (format !== 'ndjson') {
        await refuseUnaskedMixture(pool, frames);
        requireCommonWidth(frames);
      }
      return stream(request, reply, frames, EXPORTS[format](frames.colormap.table));
    },
  );

  app.get(
    '/frames/picture',
    {
      config: { access: 'frames:read', queryExample: { height: 400, normalization: 'static' } },
      schema: {
        operationId: 'getFramesPicture',
        tags,
        summary: 'Frames of a range of depths as one picture',
        description: `The frames of \`GET /frames\`, stacked. With \`height\`, they are averaged to this number of rows. ${LOOK} ${HEADERS} ${NO_MIXTURE} ${ONE_WIDTH} With \`limit\`, \`Link: rel="next"\` is the picture of the next frames.`,
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
      const asked = await select(owner, query);
      await refuseUnaskedMixture(pool, asked);
      requireCommonWidth(asked);
      if (isKnown(request, reply, frameEtag(asked, ['picture', formats]))) return reply.code(304).send();
      const frames = await countFrames(pool, asked);
      const work = framePictures.plan(query, frames, formats);
      const isHead = request.method === 'HEAD';
      const file = isHead ? undefined : await framePictures.draw(owner, work, clientSignal(reply));
      // Not earlier, because a failure must not have these headers.
      describeFrames(request, reply, frames);
      const { filename, mediaType } = work.file;
      reply.type(mediaType).header('content-disposition', `inline; filename="${filename}"`);
      if (!file) return sendEmpty(reply);
      removeWhenSent(request, reply, file);
      const bytes = await openComputedFile(file, { start: 0, end: file.size });
      return reply.header('content-length', file.size).send(bytes);
    },
  );

  app.get(
    '/frames/nearest',
    {
      config: { access: 'frames:read', queryExample: { depth: 9000.52 } },
      schema: {
        operationId: 'getNearestFrame',
        tags,
        summary: 'The frame nearest to a depth',
        description:
          'Of one frame set or of all. Of two frames that are equally near, it is the one with the smaller depth; of frames of equal depth, the first of the first frame set.',
        querystring: NearestFrameQuerySchema,
        response: {
          200: jsonResponse('FrameDetail', 'The frame.'),
          ...problemResponses(...READ_CODES),
        },
      },
    },
    async ({ owner, query }) => {
      const { depth, frame_set_id: ids, ...look } = query;
      const nearest = await findNearest(pool, await frameSets.select(owner, { ids }), depth);
      if (nearest === undefined) throw new AppError('not_found', 'There are no frames.');
      const { detail, png } = await readFrame(pool, nearest.frameSet, nearest.id, look);
      return { ...detail, image: png.toString('base64') };
    },
  );

  app.get(
    '/frames/:id',
    {
      config: { access: 'frames:read' },
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
      config: { access: 'frames:read' },
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
      config: { access: 'frames:read' },
      schema: {
        operationId: 'listColormaps',
        tags,
        summary: 'Colour maps',
        description: 'The named colour maps. Each also exists reversed, as `NAME_r`.',
        response: {
          200: jsonResponse('ColormapList', 'The colour maps.'),
          ...problemResponses('validation_failed'),
        },
      },
    },
    async () => ({ items: colormaps }),
  );
};

const PICTURE_TYPES = PICTURE_FORMATS.map((format) => `image/${format}`);

/**
 * The formats that a request allows, most preferred first: the one that it names, or with `auto` those of its `Accept`.
 * @throws AppError `not_acceptable`
 */
function pictureFormats(
  request: FastifyRequest,
  reply: FastifyReply,
  format: FramePictureQuery['format'],
): PictureFormat[] {
  if (format !== 'auto') return [format];
  varyBy(reply, 'Accept');
  negotiate(request, PICTURE_TYPES);
  return acceptable(request, PICTURE_TYPES).flatMap(
    (type) => PICTURE_FORMATS[PICTURE_TYPES.indexOf(type)] ?? [],
  );
}

/** Sets the headers for caching. Returns whether the client has this answer already, so that 304 follows. */
function isKnown(request: FastifyRequest, reply: FastifyReply, etag: string): boolean {
  reply.header('etag', etag).header('cache-control', 'private, no-cache');
  return isNotModified(request, etag);
}

/** Sets the headers that `FRAME_HEADERS` documents. */
function describeFrames(request: FastifyRequest, reply: FastifyReply, frames: CountedFrames): void {
  const { query, colormap, count, depthMin, depthMax, nextCursor } = frames;
  const width = commonWidth(frames);
  reply
    .header('x-frame-count', String(count))
    .header('x-frame-order', query.order)
    .header('x-frame-source', query.source)
    .header('x-colormap', colormap.name)
    .header('x-normalization', query.normalization);
  if (query.normalization === 'dynamic') reply.header('x-normalization-window', String(query.window));
  if (width !== undefined) reply.header('x-frame-width', String(width));
  if (depthMin !== null) reply.header('x-depth-min', String(depthMin));
  if (depthMax !== null) reply.header('x-depth-max', String(depthMax));
  if (nextCursor !== null) linkNextPage(request, reply, nextCursor);
}

/** Sends an empty stream, because Fastify sets `content-length` for anything else. */
function sendEmpty(reply: FastifyReply): FastifyReply {
  return reply.send(Readable.from([]));
}

/** If NDJSON fails, ends it with a line that says why. */
async function* endWithProblem(
  lines: AsyncGenerator<Buffer, void, undefined>,
  describe: (error: unknown) => object,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* lines;
  } catch (error) {
    yield Buffer.from(`\n${JSON.stringify({ error: describe(error) })}\n`);
  }
}
