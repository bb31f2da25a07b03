import { releaseArray } from '../pictures/release-array.ts';
import type { Outcome, Task } from '../work/operation.ts';
import { jsonBytes, pictureFile, writeNewFile } from '../work/task-files.ts';
import { encodeLabelMap } from './labels/label-map.ts';
import type { SegmentationParams, SegmentationSummary } from './schemas.ts';
import { segmentFile } from './segment.ts';

/**
 * Segments a picture and writes its label map and, as the document, its measurements. It may run for seconds without
 * yielding, so only killing the process stops it.
 *
 * @throws AppError as `segmentFile`
 */
export async function runSegmentation({
  inputs: [source],
  params,
  limits,
  outputPath,
  documentPath,
}: Task<SegmentationParams>): Promise<Outcome<SegmentationSummary>> {
  const { labels, result } = await segmentFile(pictureFile(source), params, limits);
  const content = await writeNewFile(outputPath, await encodeLabelMap(labels));
  releaseArray(labels.data);
  const document = await writeNewFile(documentPath, jsonBytes(result));
  const { segments: _segments, ...summary } = result;
  return { content, document, result: summary };
}
