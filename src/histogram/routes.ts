import { createHash } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Pictures } from '../artifacts/pictures.ts';
import { contentUrlOf } from '../artifacts/response.ts';
import type { InputRef } from '../artifacts/store.ts';
import type { BlobReader } from '../blobs/blob-reader.ts';
import { clientSignal } from '../http/client-signal.ts';
import { REVALIDATED, sendContent } from '../http/content.ts';
import { negotiate } from '../http/negotiation.ts';
import { COMPUTATION_CODES, CONTENT_CODES, JSON_BODY_CODES, problemResponses } from '../http/problems.ts';
import { IdParamsSchema, jsonContent } from '../http/responses.ts';
import { type FaultPlace, relocateFaults } from '../http/validation.ts';
import { ObjectWithDefaults } from '../schema.ts';
import type { Histograms } from './histograms.ts';
import {
  ChannelHistogramSchema,
  type HistogramParams,
  HistogramParamsSchema,
  type HistogramPlot,
  HistogramPlotSchema,
  HistogramResultSchema,
  LabelChannelSchema,
  LabelHistogramSchema,
  RegionSchema,
} from './schemas.ts';

export interface HistogramRoutesOptions {
  histograms: Histograms;
  pictures: Pictures;
  blobs: BlobReader;
}

const tags = ['measurement'];

/** The schemas of this slice that have names, for `addSchema`. */
export const HISTOGRAM_SCHEMAS = [
  RegionSchema,
  HistogramParamsSchema,
  LabelChannelSchema,
  ChannelHistogramSchema,
  LabelHistogramSchema,
  HistogramResultSchema,
];

const { region: _region, ...flatParams } = HistogramParamsSchema.properties;

/** The parameters of a query: the region in one text, and how a plot is drawn. */
const HistogramQuerySchema = ObjectWithDefaults({
  ...flatParams,
  region: Type.Optional(
    Type.String({
      pattern: '^\\d{1,7},\\d{1,7},0{0,6}[1-9]\\d{0,6},0{0,6}[1-9]\\d{0,6}$',
      description: 'A box of at least one pixel, `left,top,width,height`. Default: the whole picture.',
      examples: ['100,50,320,240'],
    }),
  ),
  ...HistogramPlotSchema.properties,
});
type HistogramQuery = Static<typeof HistogramQuerySchema>;

const IN_BODY: FaultPlace = { location: 'body', pathOf: (path) => path };
const IN_QUERY: FaultPlace = {
  location: 'query',
  pathOf: (path) => (path.startsWith('/region') ? '/region' : path),
};

function readQuery({ region, width, height, theme, scale, ...params }: HistogramQuery): {
  params: HistogramParams;
  plot: HistogramPlot;
} {
  const [left = 0, top = 0, boxWidth = 0, boxHeight = 0] = region?.split(',').map(Number) ?? [];
  return {
    params:
      region === undefined
        ? params
        : { ...params, region: { left, top, width: boxWidth, height: boxHeight } },
    plot: { width, height, theme, scale },
  };
}

const REPRESENTATIONS = ['application/json', 'image/svg+xml', 'image/png'] as const;

/** `/histogram` of images and of artifacts that are pictures. */
export const histogramRoutes: FastifyPluginAsyncTypebox<HistogramRoutesOptions> = async (app, options) => {
  const { histograms, pictures, blobs } = options;

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    ref: InputRef,
    { params, plot }: { params: HistogramParams; plot: HistogramPlot },
    place: FaultPlace,
  ): Promise<unknown> {
    const isGet = request.method !== 'POST';
    const wanted = negotiate(request, REPRESENTATIONS);
    const source = await pictures.find(request.owner, ref);
    const signal = clientSignal(reply);
    const retention = isGet ? 'cached' : 'kept';
    const { artifact, isNew } = await histograms
      .measure(request.owner, source, params, { retention, signal })
      .catch((error) => {
        throw relocateFaults(error, place);
      });
    reply
      .code(isNew && !isGet ? 201 : 200)
      .header('vary', 'Accept')
      .header('content-location', contentUrlOf(artifact));
    const shared = { cacheControl: isGet ? REVALIDATED : 'no-store' };
    if (wanted === 'application/json') {
      return sendContent(request, reply, {
        ...shared,
        sha256: artifact.sha256.toString('hex'),
        size: artifact.size,
        mediaType: artifact.mediaType,
        filename: artifact.filename,
        open: (range) => blobs.open(artifact, range),
      });
    }
    const format = wanted === 'image/png' ? 'png' : 'svg';
    const drawing = await histograms.plot(artifact, format, plot, signal);
    return sendContent(request, reply, {
      ...shared,
      sha256: createHash('sha256').update(drawing).digest('hex'),
      size: drawing.length,
      mediaType: wanted,
      filename: artifact.filename.replace(/\.json$/, `.${format}`),
      open: async ({ start, end }) => drawing.subarray(start, end),
    });
  }

  const content = {
    ...jsonContent('HistogramResult'),
    'image/svg+xml': { schema: {} },
    'image/png': { schema: {} },
  };
  const description =
    'Counts of each channel and exact statistics of its levels, whatever the bins. The numbers are stored as an artifact ' +
    '(`Content-Location`). By `Accept` a plot of the same: `image/svg+xml` or `image/png`.';

  for (const [type, of] of [
    ['image', 'Image'],
    ['artifact', 'Artifact'],
  ] as const) {
    app.get(
      `/${type}s/:id/histogram`,
      {
        schema: {
          operationId: `get${of}Histogram`,
          tags,
          summary: `Colour histograms of an ${type}`,
          description,
          params: IdParamsSchema,
          querystring: HistogramQuerySchema,
          response: {
            200: { description: 'The histograms, or a plot of them.', content },
            206: { description: 'The range of it that was asked for.', content },
            304: { type: 'null', description: 'The client has this (`If-None-Match`).' },
            ...problemResponses(...COMPUTATION_CODES, ...CONTENT_CODES),
          },
        },
      },
      (request, reply) =>
        answer(request, reply, { type, id: request.params.id }, readQuery(request.query), IN_QUERY),
    );

    app.post(
      `/${type}s/:id/histogram`,
      {
        schema: {
          operationId: `measure${of}Histogram`,
          tags,
          summary: `Measure and keep histograms of an ${type}`,
          description: `${description} The artifact is kept until it is deleted. For long lists of edges, which no query holds.`,
          params: IdParamsSchema,
          querystring: HistogramPlotSchema,
          body: { $ref: 'HistogramParams#' },
          response: {
            201: { description: 'The histograms, measured now.', content },
            200: { description: 'The histograms that there were already.', content },
            ...problemResponses(...COMPUTATION_CODES, ...JSON_BODY_CODES),
          },
        },
      },
      (request, reply) => {
        // Validated by the schema above, which TypeScript cannot see through a reference.
        const params = request.body as HistogramParams;
        return answer(
          request,
          reply,
          { type, id: request.params.id },
          { params, plot: request.query },
          IN_BODY,
        );
      },
    );
  }
};
