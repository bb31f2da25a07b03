import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { releaseArray } from '../pictures/release.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { encodeLabelMap } from './formats/label-map.ts';
import type { SegmentationParams, SegmentationSummary } from './schemas.ts';
import { segmentFile } from './segment.ts';

/** What an image process needs to segment a picture. */
export interface SegmentTask {
  source: SourceFile;
  /** Complete parameters, as `resolveParams` gives them. */
  params: SegmentationParams;
  /** Where the label map is written as PNG; the file does not exist before. */
  outputPath: string;
  /** Where the whole `SegmentationResult` is written as JSON: of 65,535 segments it is 30 MB. */
  documentPath: string;
  limits: ImageLimits;
}

/** A file that was written. */
export interface WrittenFile {
  /** Hexadecimal SHA-256 of its bytes. */
  sha256: string;
  /** Its bytes. */
  size: number;
}

export interface SegmentTaskResult {
  labelMap: WrittenFile;
  document: WrittenFile;
  summary: SegmentationSummary;
}

/**
 * Segments a picture and writes its label map and its measurements: all stages, for one image process. It may take
 * seconds without yielding, so that only ending the process stops it.
 *
 * @throws AppError as `segmentFile`
 */
export async function runSegmentation(task: SegmentTask): Promise<SegmentTaskResult> {
  const { labels, result } = await segmentFile(task.source, task.params, task.limits);
  const labelMap = await writeNew(task.outputPath, await encodeLabelMap(labels));
  releaseArray(labels.data);
  const document = await writeNew(task.documentPath, Buffer.from(JSON.stringify(result)));
  const { segments: _segments, ...summary } = result;
  return { labelMap, document, summary };
}

/** Writes a file that is not there yet. */
export async function writeNew(path: string, bytes: Buffer): Promise<WrittenFile> {
  await writeFile(path, bytes, { flag: 'wx' });
  return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
}
