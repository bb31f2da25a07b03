import type { Outcome, Task } from '../work/operation.ts';
import { jsonBytes, pictureFile, writeNewFile } from '../work/task-files.ts';
import { computeHistogram } from './compute.ts';
import type { Channel, HistogramParams, HistogramSummary } from './schemas.ts';

/**
 * Computes a histogram and writes it as JSON, which may be megabytes.
 *
 * @throws AppError as `computeHistogram`
 */
export async function runHistogram({
  inputs: [source, mask],
  params,
  limits,
  outputPath,
}: Task<HistogramParams>): Promise<Outcome<HistogramSummary>> {
  const histogram = await computeHistogram({
    source: pictureFile(source),
    ...(params.mask === undefined ? {} : { mask: pictureFile(mask) }),
    params,
    limits,
  });
  const content = await writeNewFile(outputPath, jsonBytes(histogram));
  const { width, height, page, pages, bit_depth, color_space, pixels } = histogram;
  const channels = Object.keys(histogram.channels) as Channel[];
  return { content, result: { width, height, page, pages, bit_depth, color_space, pixels, channels } };
}
