import { parameterError, Words } from '../faults.ts';
import { releaseArray } from '../pictures/release.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { decodeFrame, type Frame, openFrame } from './decode.ts';
import { checkAgainstPicture, checkParams } from './params.ts';
import type { Raster } from './raster.ts';
import { histogramOfRaster } from './raster-histogram.ts';
import type { HistogramParams, HistogramResult } from './schemas.ts';

/** Work for an image process. */
export interface HistogramTask {
  source: SourceFile;
  /** The label map that `params.mask` names. */
  mask?: SourceFile;
  params: HistogramParams;
  limits: Pick<ImageLimits, 'maxPixels'>;
}

/**
 * Histograms of one frame of a picture: decodes it (or the region asked for) once and counts in one pass over its
 * pixels. Memory is bounded by one decoded picture, its mask and the tables of counts.
 *
 * @throws AppError `validation_failed` (with the path of each parameter that is wrong or does not fit the picture),
 * `undecodable_image`, `too_many_pixels`
 */
export async function computeHistogram(task: HistogramTask): Promise<HistogramResult> {
  const { source, params, limits } = task;
  checkParams(params);
  const { page, region } = params;
  // The counts of a whole picture are the same in any orientation, and turning costs more than counting.
  const options = { page, oriented: params.auto_orient, limits };
  const frame = await openFrame(source, options);
  const channels = checkAgainstPicture(params, frame);
  const located = region !== undefined || params.mask !== undefined;
  const mask = params.mask === undefined ? undefined : await decodeMask(task, frame);
  const raster = await decodeFrame({ ...frame, turned: frame.turned && located }, region);
  const counted = histogramOfRaster(raster, channels, params, mask);
  releaseArray(raster.samples);
  if (mask !== undefined) releaseArray(mask.samples);
  return {
    width: frame.width,
    height: frame.height,
    page,
    pages: frame.pages,
    bit_depth: frame.bitDepth,
    color_space: frame.colorSpace,
    converted_from: frame.convertedFrom,
    region: region ?? null,
    cumulative: params.cumulative,
    normalized: params.normalize,
    ...counted,
  };
}

/** A label map must be as large as the picture is in the orientation asked for, and have a single channel of labels. */
async function decodeMask({ mask, params, limits }: HistogramTask, frame: Frame): Promise<Raster> {
  if (mask === undefined) throw new Error('The task names a mask but no file of it');
  const labels = await openFrame(mask, { page: 0, oriented: false, limits });
  if (labels.colorSpace !== 'grey' || labels.alpha !== null) {
    throw parameterError('/mask', 'a mask with one channel of labels', new Words('a picture with more'));
  }
  if (labels.width !== frame.width || labels.height !== frame.height) {
    throw parameterError(
      '/mask',
      `a mask of the picture's size, ${frame.width}×${frame.height},`,
      new Words(`one of ${labels.width}×${labels.height}`),
    );
  }
  return decodeFrame(labels, params.region);
}
