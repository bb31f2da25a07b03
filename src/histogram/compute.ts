import { parameterError, Words } from '../core/faults.ts';
import { readingOwn } from '../pictures/decode-failure.ts';
import type { DecodeLimits } from '../pictures/limits.ts';
import { openPicture, storedForm } from '../pictures/open.ts';
import { releaseArray } from '../pictures/release-array.ts';
import type { Size, SourceFile } from '../pictures/types.ts';
import { checkAgainstPicture, checkParams } from './params.ts';
import type { Raster } from './raster.ts';
import { histogramOfRaster } from './raster-histogram.ts';
import { countedForm, readRaster } from './read-raster.ts';
import type { HistogramParams, HistogramResult, Region } from './schemas.ts';

interface HistogramTask {
  source: SourceFile;
  /** The label map of `params.mask`. */
  mask?: SourceFile;
  params: HistogramParams;
  limits: DecodeLimits;
}

/**
 * Histograms of one page of a picture. Memory is bounded by the decoded page (or region), its mask and the counts.
 *
 * @throws AppError `validation_failed` with every fault, `undecodable_image`, `too_many_pixels`
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
  const mask = task.mask && (await readMask(task.mask, picture.size, limits, region));
  // A whole picture has the same counts in any orientation, and turning takes longer than counting.
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

/** A label map must have one channel of labels and the size of the picture in the requested orientation. */
async function readMask(
  mask: SourceFile,
  { width, height }: Size,
  limits: DecodeLimits,
  region?: Region,
): Promise<Raster> {
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
  return readingOwn(readRaster(labels, region));
}

/** The database may return stored parameters in another order; the document is the same nonetheless. */
function inOrder({ left, top, width, height }: Region): Region {
  return { left, top, width, height };
}
