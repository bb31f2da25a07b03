import { framePicture } from './frames/picture/operation.ts';
import { histogram } from './histogram/operation.ts';
import { histogramPlot } from './histogram/plot/operation.ts';
import { inspect } from './images/operation.ts';
import { transform } from './manipulation/operation.ts';
import { DIRECT_FORMS, MASK_FORMS } from './segmentation/formats/index.ts';
import { segmentation } from './segmentation/operation.ts';
import type { Operation, Operations } from './work/operation.ts';

/**
 * All operations by name: the API registers their routes, and image processes run them. If a defined operation is missing here,
 * the project does not compile.
 */
export const OPERATIONS = {
  inspect,
  transform,
  histogram,
  'histogram-plot': histogramPlot,
  segmentation,
  ...MASK_FORMS,
  ...DIRECT_FORMS,
  'frame-picture': framePicture,
} satisfies Operations;

/** The same, for code that takes any operation. */
export const OPERATIONS_BY_NAME: ReadonlyMap<string, Operation> = new Map<string, Operation>(
  Object.entries(OPERATIONS),
);
