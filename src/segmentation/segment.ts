import { releaseArray } from '../pictures/release-array.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { type ClassMap, connectRuns, extractRuns } from './labels/components.ts';
import { chooseLabels, type LabelMap, paintLabels } from './labels/labels.ts';
import { measureSegments } from './labels/measure.ts';
import { closeMask, fillHoles, openMask } from './labels/morphology.ts';
import { colorChannels, type Picture, transparentPixels } from './labels/picture.ts';
import { METHODS } from './methods/index.ts';
import type { Classification, Method } from './methods/method.ts';
import { readPicture, reducePicture } from './read-picture.ts';
import type { SegmentationParams, SegmentationResult } from './schemas.ts';

export interface Segmentation {
  /** Of the oriented picture's size; 0 is background. */
  labels: LabelMap;
  /** What was found and measured. */
  result: SegmentationResult;
}

/**
 * Segments one page of an image file: decodes it, classifies its pixels by the method, cleans the classes up, labels
 * them and measures each segment. Pixels that are fully transparent are background and count nowhere, unless the
 * alpha channel itself is what is segmented.
 *
 * @throws AppError `validation_failed` for a page, point or box outside of the picture; `too_many_pixels`,
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

/** The same, of a picture that is decoded already. */
export async function segmentPicture(original: Picture, params: SegmentationParams): Promise<Segmentation> {
  const { width, height } = original;
  const method: Method = METHODS[params.method];
  method.checkCoordinates?.(params, original);
  const picture =
    params.working_size === undefined ? original : await reducePicture(original, params.working_size);
  const isAlpha = 'channel' in params && params.channel === 'alpha';
  const hidden = isAlpha ? null : transparentPixels(picture);

  const classification = await method.classify({ picture, original, hidden }, params);
  const { found } = classification;
  if (picture !== original) found.working_size = { width: picture.width, height: picture.height };
  const classes = fullSize(classification, picture, original);
  clearHidden(classes, picture === original || isAlpha ? hidden : transparentPixels(original));
  cleanUp(classes, original, params);

  const segmentedBy = params.segments ?? 'components';
  const runs = extractRuns(classes, width, height);
  const components = connectRuns(runs, params.connectivity);
  const labelling = chooseLabels(runs, components, segmentedBy, params.min_area, params.max_segments);
  const segments = measureSegments(runs, labelling, original, params.connectivity);
  const labels = paintLabels(runs, labelling);
  return {
    labels,
    result: {
      method: params.method,
      width,
      height,
      segmented_by: segmentedBy,
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

/** The classes at the original's size, each pixel taking that of the reduced copy's pixel it lies in. */
function fullSize({ classes, isFullSize }: Classification, picture: Picture, original: Picture): ClassMap {
  if (picture === original || isFullSize) return classes;
  const { width, height } = original;
  const out = classes instanceof Uint8Array ? new Uint8Array(width * height) : new Int32Array(width * height);
  const columns = Int32Array.from({ length: width }, (_, x) =>
    Math.floor(((x + 0.5) * picture.width) / width),
  );
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * picture.height) / height) * picture.width;
    for (let x = 0; x < width; x++, i++) out[i] = classes[row + (columns[x] as number)] as number;
  }
  return out;
}

function clearHidden(classes: ClassMap, hidden: Uint8Array | null): void {
  if (hidden === null) return;
  for (let i = 0; i < hidden.length; i++) if (hidden[i] !== 0) classes[i] = 0;
}

/** Opening, closing and filling, in this order. The parameters were checked: only maps of 0 and 1 are opened or closed. */
function cleanUp(classes: ClassMap, { width, height }: Picture, params: SegmentationParams): void {
  if (classes instanceof Uint8Array) {
    if (params.open > 0) openMask(classes, width, height, params.open);
    if (params.close > 0) closeMask(classes, width, height, params.close);
  }
  if (params.fill_holes) fillHoles(classes, width, height, params.connectivity);
}
