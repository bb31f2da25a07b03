import { readFile } from 'node:fs/promises';
import type { Outcome, Task } from '../../work/operation.ts';
import { contentFile, writeNewFile } from '../../work/task-files.ts';
import type { HistogramResult } from '../schemas.ts';
import { renderHistogramSvg } from './plot.ts';
import { renderPlotPng } from './png.ts';
import type { PlotParams } from './schemas.ts';

/** Draws a histogram that `runHistogram` has written, as SVG or PNG. */
export async function runHistogramPlot({
  inputs: [histogram],
  params: { format, ...options },
  outputPath,
}: Task<PlotParams>): Promise<Outcome> {
  const numbers = JSON.parse(await readFile(contentFile(histogram), 'utf8')) as HistogramResult;
  const svg = renderHistogramSvg(numbers, options);
  const bytes = format === 'svg' ? Buffer.from(svg) : await renderPlotPng(svg);
  return { content: await writeNewFile(outputPath, bytes), result: {} };
}
