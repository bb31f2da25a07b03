import { Type } from '@sinclair/typebox';
import { bytesContent } from '../../core/schema.ts';
import { defineOperation } from '../../work/operation.ts';
import { plainForm } from '../../work/routes.ts';
import { histogram } from '../operation.ts';
import { PlotParamsSchema } from './schemas.ts';

declare module '../../work/operation.ts' {
  interface Operations {
    'histogram-plot': typeof histogramPlot;
  }
}

const MEDIA_TYPES = { svg: 'image/svg+xml', png: 'image/png' } as const;

/** Draws a stored histogram. */
export const histogramPlot = defineOperation({
  name: 'histogram-plot',
  version: 1,
  params: PlotParamsSchema,
  result: Type.Object({}),
  subject: 'histogram',
  stores: 'form',
  makes: ({ filename }, { format }) => ({
    filename: filename.replace(/\.json$/, `.${format}`),
    mediaType: MEDIA_TYPES[format],
  }),
  view: {
    of: histogram,
    path: 'plot',
    artifactPath: 'plot',
    tag: 'measurement',
    operationId: (of) => `get${of}HistogramPlot`,
    summary: (of) => `Plot of the histograms of an ${of}`,
    artifactOperationId: 'getPlot',
    artifactSummary: 'Plot of a stored histogram',
    description: 'Curves of the counts of each channel, drawn as SVG or PNG.',
    form: plainForm(PlotParamsSchema),
    example: { format: 'png', theme: 'dark' },
    bytes: { description: 'The plot.', content: bytesContent(...Object.values(MEDIA_TYPES)) },
  },
  async load() {
    const { runHistogramPlot } = await import('./task.ts');
    return runHistogramPlot;
  },
});
