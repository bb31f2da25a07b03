import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { ImageLimits, SourceFile } from '../imaging/types.ts';
import { encodeLabelMap } from './formats/label-map.ts';
import type { SegmentationParams, SegmentationResult } from './schemas.ts';
import { segmentFile } from './segment.ts';

/** What an image process needs to segment a picture. */
export interface SegmentTask {
  source: SourceFile;
  /** Complete parameters, as `resolveParams` gives them. */
  params: SegmentationParams;
  /** Where the label map is written as PNG; the file does not exist before. */
  outputPath: string;
  limits: ImageLimits;
}

export interface SegmentTaskResult {
  /** Hexadecimal SHA-256 of the label map's file. */
  sha256: string;
  /** Its bytes. */
  size: number;
  media_type: 'image/png';
  result: SegmentationResult;
}

/**
 * Segments a picture and writes its label map: all stages, for one image process. It may take seconds without
 * yielding, so that only ending the process stops it.
 *
 * @throws AppError as `segmentFile`
 */
export async function runSegmentation(task: SegmentTask): Promise<SegmentTaskResult> {
  const { labels, result } = await segmentFile(task.source, task.params, task.limits);
  const png = await encodeLabelMap(labels);
  await writeFile(task.outputPath, png, { flag: 'wx' });
  return {
    sha256: createHash('sha256').update(png).digest('hex'),
    size: png.length,
    media_type: 'image/png',
    result,
  };
}
