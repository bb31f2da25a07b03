import { readFile } from 'node:fs/promises';
import type { Outcome, Task } from '../work/operation.ts';
import { contentFile, jsonBytes, pictureFile, writeNewFile } from '../work/task-files.ts';
import { computeHistogram } from './compute.ts';
import { renderHistogramSvg } from './plot/plot.ts';
import { renderPlotPng } from './plot/png.ts';
import type { Channel, HistogramParams, HistogramResult, HistogramSummary, PlotParams } from './schemas.ts';

/**
 * Computes a histogram and writes it as JSON. Both happen in the image process: the numbers may be megabytes.
 *
 * @throws AppError what `computeHistogram` throws
 */
export async function runHistogram({
  inputs: [source, mask],
  params,
  limits,
  outputPath,
}: Task<HistogramParams>): Promise<Outcome<HistogramSummary>> {
  const histogram = await computeHistogram({
    source: pictureFile(source),
    ...(mask === undefined ? {} : { mask: pictureFile(mask) }),
    params,
    limits,
  });
  const content = await writeNewFile(outputPath, jsonBytes(histogram));
  const { width, height, page, pages, bit_depth, color_space, pixels } = histogram;
  const channels = Object.keys(histogram.channels) as Channel[];
  return { content, result: { width, height, page, pages, bit_depth, color_space, pixels, channels } };
}

/** Draws a histogram that `runHistogram` has written: an SVG document or a PNG. */
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
