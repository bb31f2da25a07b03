import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { computeHistogram, type HistogramTask } from './compute.ts';
import { type PlotOptions, renderHistogramSvg } from './plot.ts';
import { renderPlotPng } from './plot-png.ts';
import type { Channel, HistogramResult } from './schemas.ts';

/** What an artifact says of a histogram without its numbers. */
export interface HistogramSummary
  extends Pick<
    HistogramResult,
    'width' | 'height' | 'page' | 'pages' | 'bit_depth' | 'color_space' | 'pixels'
  > {
  channels: Channel[];
}

/** A written file and what it is about. */
export interface HistogramFile {
  /** Hexadecimal SHA-256 of the file. */
  sha256: string;
  /** Bytes. */
  size: number;
  summary: HistogramSummary;
}

/**
 * Computes a histogram and writes it as JSON. Both happen in the image process: the numbers may be megabytes.
 *
 * @throws AppError what `computeHistogram` throws
 */
export async function runHistogram({
  outputPath,
  ...task
}: HistogramTask & { outputPath: string }): Promise<HistogramFile> {
  const result = await computeHistogram(task);
  const json = Buffer.from(JSON.stringify(result));
  await writeFile(outputPath, json, { flag: 'wx' });
  const { width, height, page, pages, bit_depth, color_space, pixels } = result;
  const channels = Object.keys(result.channels) as Channel[];
  return {
    sha256: createHash('sha256').update(json).digest('hex'),
    size: json.length,
    summary: { width, height, page, pages, bit_depth, color_space, pixels, channels },
  };
}

export interface HistogramPlotTask {
  /** A histogram as JSON, written by `runHistogram`. */
  histogramPath: string;
  format: 'svg' | 'png';
  options: PlotOptions;
}

/** Draws a histogram: the bytes of an SVG document or of a PNG. */
export async function runHistogramPlot({
  histogramPath,
  format,
  options,
}: HistogramPlotTask): Promise<Uint8Array> {
  const result = JSON.parse(await readFile(histogramPath, 'utf8')) as HistogramResult;
  const svg = renderHistogramSvg(result, options);
  return format === 'svg' ? Buffer.from(svg) : renderPlotPng(svg);
}
