import { Type } from '@sinclair/typebox';
import { stemOf } from '../core/filename.ts';
import { defineOperation } from '../work/operation.ts';
import { boxText, queryForm } from '../work/query-form.ts';
import { type BytesAnswer, plainForm } from '../work/routes.ts';
import { checkParams } from './params.ts';
import { type HistogramParams, HistogramParamsSchema, HistogramSummarySchema } from './schemas.ts';

declare module '../work/operation.ts' {
  interface Operations {
    histogram: typeof histogram;
  }
}

/** Raised when the same parameters give other numbers than before. */
const HISTOGRAM_VERSION = 3;

const tag = 'measurement';

const NUMBERS: BytesAnswer = {
  description: 'The histograms.',
  content: { 'application/json': { schema: Type.Ref('HistogramResult') } },
};

/** Counts the levels of each channel of a picture. The artifact's bytes are a `HistogramResult` as JSON. */
export const histogram = defineOperation({
  name: 'histogram',
  version: HISTOGRAM_VERSION,
  params: HistogramParamsSchema,
  result: HistogramSummarySchema,
  subject: 'picture',
  inputs: ({ mask }) =>
    mask === undefined ? [] : [{ ref: { type: 'artifact', id: mask }, path: '/mask', kind: 'mask' }],
  canonicalize(given) {
    // Validated against the schema.
    const params = given as HistogramParams;
    checkParams(params);
    return params.mask === undefined ? params : { ...params, mask: params.mask.toLowerCase() };
  },
  stores: 'histogram',
  makes: ({ filename }) => ({
    filename: `${stemOf(filename)}-histogram.json`,
    mediaType: 'application/json',
  }),
  routes: [
    {
      path: 'histogram',
      tag,
      post: {
        answers: 'artifact',
        operationId: (of) => `measure${of}Histogram`,
        summary: (of) => `Store histograms of an ${of}`,
        description:
          'Counts the levels of each channel and stores the numbers as an artifact. Use it for a list of edges that is too long for a query.',
        form: plainForm(HistogramParamsSchema),
        examples: {
          percentiles: {
            summary: 'Percentiles near both ends of the scale',
            value: { percentiles: [1, 99] },
          },
          luminance: { summary: 'Luminance in 32 bins', value: { channels: ['luminance'], bins: 32 } },
        },
      },
      get: {
        operationId: (of) => `get${of}Histogram`,
        summary: (of) => `Colour histograms of an ${of}`,
        description:
          'Counts of each channel and exact statistics of its levels, independent of the bins. `Content-Location` is the path of the artifact of the numbers, which may be evicted when it has not been used for some time.',
        form: queryForm(HistogramParamsSchema.properties, {
          region: boxText({
            names: ['left', 'top', 'width', 'height'],
            description: 'A box of at least one pixel, `left,top,width,height`. Default: the whole picture.',
            example: '100,50,320,240',
          }),
        }),
        part: 'content',
        bytes: NUMBERS,
      },
    },
  ],
  async load() {
    const { runHistogram } = await import('./task.ts');
    return runHistogram;
  },
});
