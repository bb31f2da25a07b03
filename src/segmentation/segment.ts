import { releaseArray } from '../pictures/release-array.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { type ClassMap, connectRuns, countRuns, extractRuns, type Runs } from './labels/components.ts';
import { chooseLabels, type Labelling, type LabelMap, paintLabels } from './labels/labels.ts';
import { measureSegments } from './labels/measure.ts';
import { closeMask, fillHoles, openMask } from './labels/morphology.ts';
import { colorChannels, type Picture, transparentPixels } from './labels/picture.ts';
import { METHODS } from './methods/index.ts';
import { enlarge, type Found, type Method } from './methods/method.ts';
import { readPicture, reducedSize, reducePicture } from './read-picture.ts';
import type { SegmentationParams, SegmentationResult } from './schemas.ts';

export interface Segmentation {
  labels: LabelMap;
  result: SegmentationResult;
}

/**
 * Segments one page of a picture file. Fully transparent pixels are background and are not counted, unless the alpha
 * channel itself is segmented.
 *
 * @throws AppError `validation_failed` for a page, point or box outside the picture; `too_many_pixels`,
 *   `undecodable_image`
 */
export async function segmentFile(
  source: SourceFile,
  params: SegmentationParams,
  limits: ImageLimits,
): Promise<Segmentation> {
  const picture = await readPicture(source, params.page, limits);
  const segmentation = await segmentPicture(picture, params);
  releaseArray(picture.data);
  return segmentation;
}

/** Segments a picture that is already decoded. */
export async function segmentPicture(original: Picture, params: SegmentationParams): Promise<Segmentation> {
  const { width, height } = original;
  const { classes, found } = await classifyPicture(original, params);
  const { runs, labelling } = labelClasses(classes, original, params);
  const segments = measureSegments(runs, labelling, original, params.connectivity);
  const labels = paintLabels(runs, labelling);
  return {
    labels,
    result: {
      method: params.method,
      width,
      height,
      segmented_by: segmentedBy(params),
      connectivity: params.connectivity,
      bit_depth: labels.data.BYTES_PER_ELEMENT === 1 ? 8 : 16,
      segment_count: segments.length,
      foreground_area: segments.reduce((sum, { area }) => sum + area, 0),
      dropped: labelling.dropped,
      found,
      perimeter_estimator: 'crofton_4',
      color_channels: colorChannels(original) === 1 ? ['grey'] : ['red', 'green', 'blue'],
      segments,
    },
  };
}

/** The label map of a picture, without any measurement. */
export async function labelPicture(original: Picture, params: SegmentationParams): Promise<LabelMap> {
  const { classes } = await classifyPicture(original, params);
  const { runs, labelling } = labelClasses(classes, original, params);
  return paintLabels(runs, labelling);
}

/**
 * The pixels of a picture that have a label (not 0), and those that have none (0).
 *
 * @returns row-major; which values they have is not defined
 */
export async function foregroundOf(original: Picture, params: SegmentationParams): Promise<LabelMap> {
  const { width, height } = original;
  const { classes } = await classifyPicture(original, params);
  // There are at most as many segments as runs, so that none can be too many.
  const keepsAll = params.min_area === 1 && countRuns(classes, width, height) <= params.max_segments;
  if (classes instanceof Uint8Array && keepsAll) return { width, height, data: classes };
  const { runs, labelling } = labelClasses(classes, original, params);
  return paintLabels(runs, labelling);
}

const segmentedBy = ({ segments = 'components' }: SegmentationParams) => segments;

/** The class of each pixel, cleaned up; 0 is background. */
async function classifyPicture(
  original: Picture,
  params: SegmentationParams,
): Promise<{ classes: ClassMap; found: Found }> {
  const method: Method = METHODS[params.method];
  method.checkCoordinates?.(params, original);
  const size = reducedSize(original, params.working_size);
  method.checkSize?.(params, size);
  const picture = await reducePicture(original, size);
  const isAlpha = 'channel' in params && params.channel === 'alpha';
  const hidden = isAlpha ? null : transparentPixels(picture);

  const input = { picture, original, hidden };
  const classification = await method.classify(input, params);
  const { found, isFullSize = picture === original } = classification;
  if (picture !== original) found.working_size = { width: picture.width, height: picture.height };
  const classes = isFullSize ? classification.classes : enlarge(classification.classes, input);
  clearHidden(classes, picture === original || isAlpha ? hidden : transparentPixels(original));
  cleanUp(classes, original, params);
  return { classes, found };
}

/** The labels of the runs of classes, whose memory is released. */
function labelClasses(
  classes: ClassMap,
  { width, height }: Picture,
  params: SegmentationParams,
): { runs: Runs; labelling: Labelling } {
  const runs = extractRuns(classes, width, height);
  releaseArray(classes);
  const components = connectRuns(runs, params.connectivity);
  const { min_area: minArea, max_segments: maxSegments } = params;
  return { runs, labelling: chooseLabels(runs, components, segmentedBy(params), minArea, maxSegments) };
}

function clearHidden(classes: ClassMap, hidden: Uint8Array | null): void {
  if (hidden === null) return;
  for (let i = 0; i < hidden.length; i++) if (hidden[i] !== 0) classes[i] = 0;
}

/** Opens, closes and fills, in this order. Only maps of 0 and 1 are opened or closed: `check` refuses others. */
function cleanUp(classes: ClassMap, { width, height }: Picture, params: SegmentationParams): void {
  if (classes instanceof Uint8Array) {
    if (params.open > 0) openMask(classes, width, height, params.open);
    if (params.close > 0) closeMask(classes, width, height, params.close);
  }
  if (params.fill_holes) fillHoles(classes, width, height, params.connectivity);
}
