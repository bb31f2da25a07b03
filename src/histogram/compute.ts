import { parameterError, Words } from '../core/faults.ts';
import { readingOwn } from '../pictures/decode-failure.ts';
import type { PixelLimits } from '../pictures/limits.ts';
import { openPicture, storedForm } from '../pictures/open.ts';
import { releaseArray } from '../pictures/release-array.ts';
import type { Size, SourceFile } from '../pictures/types.ts';
import { checkAgainstPicture, checkParams } from './params.ts';
import type { Raster } from './raster.ts';
import { histogramOfRaster } from './raster-histogram.ts';
import { countedForm, readRaster } from './read-raster.ts';
import type { HistogramParams, HistogramResult, Region } from './schemas.ts';

/** Work for an image process. */
export interface HistogramTask {
  source: SourceFile;
  /** The label map that `params.mask` names. */
  mask?: SourceFile;
  params: HistogramParams;
  limits: PixelLimits;
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
  const picture = await openPicture(source, {
    page,
    autoOrient: params.auto_orient,
    limits,
    pagePath: '/page',
  });
  const { width, height } = picture.size;
  const { colorSpace, bitDepth, isConverted } = storedForm(picture);
  const channels = checkAgainstPicture(params, countedForm(picture));
  const mask = params.mask === undefined ? undefined : await readMask(task, picture.size);
  // The counts of a whole picture are the same in any orientation, and turning costs more than counting.
  const isLocated = region !== undefined || mask !== undefined;
  const raster = await readRaster(isLocated ? picture : { ...picture, autoOrient: false }, region);
  const counted = histogramOfRaster(raster, channels, params, mask);
  releaseArray(raster.samples);
  if (mask !== undefined) releaseArray(mask.samples);
  return {
    width,
    height,
    page,
    pages: picture.pagesInFile,
    bit_depth: bitDepth,
    color_space: colorSpace,
    converted_from: isConverted ? picture.header.space : null,
    region: region === undefined ? null : inOrder(region),
    cumulative: params.cumulative,
    normalized: params.normalize,
    ...counted,
  };
}

/** A label map must be as large as the picture is in the orientation asked for, and have a single channel of labels. */
async function readMask({ mask, params, limits }: HistogramTask, { width, height }: Size): Promise<Raster> {
  if (mask === undefined) throw new Error('The task names a mask but no file of it');
  const options = { page: 0, autoOrient: false, limits, pagePath: '/page' };
  const labels = await readingOwn(openPicture(mask, options));
  const form = countedForm(labels);
  if (form.colorSpace !== 'grey' || form.alpha !== null) {
    throw parameterError('/mask', 'a mask with one channel of labels', new Words('a picture with more'));
  }
  if (form.width !== width || form.height !== height) {
    throw parameterError(
      '/mask',
      `a mask of the picture's size, ${width}×${height},`,
      new Words(`one of ${form.width}×${form.height}`),
    );
  }
  return readingOwn(readRaster(labels, params.region));
}

/** Parameters that were stored come back with their members in another order; the document is the same all the same. */
function inOrder({ left, top, width, height }: Region): Region {
  return { left, top, width, height };
}
