import { Type } from '@sinclair/typebox';
import { stemOf } from '../core/filename.ts';
import { bytesContent } from '../core/schema.ts';
import type { Input } from '../work/inputs.ts';
import { decodeCost, defineOperation, megapixels } from '../work/operation.ts';
import { type BytesAnswer, plainForm } from '../work/routes.ts';
import { SEGMENTATION_EXAMPLES, SEGMENTATION_QUERY_EXAMPLE } from './examples.ts';
import { completeParams, nameMethod } from './params.ts';
import { SEGMENTATION_QUERY } from './query-form.ts';
import { SegmentationParams, SegmentationRequest, SegmentationSummary } from './schemas.ts';

declare module '../work/operation.ts' {
  interface Operations {
    segmentation: typeof segmentation;
  }
}

/** Raised when the same parameters give other segments than before. */
export const SEGMENTATION_VERSION = 3;

const tag = 'measurement';

/** Ends a label map's filename, after the stem of the picture's. */
export const LABEL_MAP_SUFFIX = '-labels.png';

const SEGMENTS: BytesAnswer = {
  description: 'What the method found, and every segment with its measurements.',
  content: { 'application/json': { schema: Type.Ref('SegmentationResult') } },
};

const LABEL_MAP: BytesAnswer = {
  description:
    'The label of each pixel as a grey PNG of 8 bits, or 16 for more than 255 labels; 0 is background.',
  content: bytesContent('image/png'),
};

/** Milliseconds for a million pixels: of a cut, and of every other method with the measurement of its segments. */
const GRABCUT_MS = 225;
const OTHER_MS = 40;

function segmentationCost(params: SegmentationParams, [subject]: readonly Input[]): number {
  const perMegapixel = params.method === 'grabcut' ? GRABCUT_MS : OTHER_MS;
  return decodeCost(subject) + perMegapixel * megapixels(subject?.dimensions);
}

/**
 * Divides a picture into segments. The artifact's bytes are the label map; its document is a `SegmentationResult`.
 */
export const segmentation = defineOperation({
  name: 'segmentation',
  version: SEGMENTATION_VERSION,
  params: SegmentationParams,
  result: SegmentationSummary,
  subject: 'picture',
  // Validated against the schema.
  canonicalize: (given) => completeParams(given as SegmentationParams),
  cost: segmentationCost,
  stores: 'mask',
  makes: ({ filename }) => ({ filename: `${stemOf(filename)}${LABEL_MAP_SUFFIX}`, mediaType: 'image/png' }),
  documentName: (filename) => `${filename.slice(0, -LABEL_MAP_SUFFIX.length)}-segments.json`,
  routes: [
    {
      path: 'segmentation',
      tag,
      post: {
        answers: 'artifact',
        operationId: (of) => `segment${of}`,
        summary: (of) => `Segment an ${of} and store the mask`,
        description:
          'Divides the picture into segments and measures each. The label map is stored as an artifact; its segments are at `/artifacts/{id}/segments`. Without a body or a `method`, `otsu` is used.',
        form: plainForm(SegmentationParams),
        shorthand: { schema: SegmentationRequest, complete: nameMethod },
        examples: SEGMENTATION_EXAMPLES,
      },
      get: {
        operationId: (of) => `get${of}Segmentation`,
        summary: (of) => `Segments of an ${of}`,
        description:
          'Divides the picture into segments and measures each. `Content-Location` is the path of the artifact of the mask, which may be evicted when it has not been used for some time.',
        form: SEGMENTATION_QUERY,
        example: SEGMENTATION_QUERY_EXAMPLE,
        part: 'document',
        bytes: SEGMENTS,
      },
    },
    {
      path: 'segmentation/label-map',
      tag,
      get: {
        operationId: (of) => `get${of}LabelMap`,
        summary: (of) => `Label map of the segments of an ${of}`,
        description: 'The label of each pixel. These are the artifact’s own bytes.',
        form: SEGMENTATION_QUERY,
        example: SEGMENTATION_QUERY_EXAMPLE,
        part: 'content',
        bytes: LABEL_MAP,
      },
    },
  ],
  parts: [
    {
      path: 'segments',
      tag,
      operationId: 'getSegments',
      summary: 'Segments of a stored mask',
      description: 'What the method found, and every segment with its measurements.',
      part: 'document',
      bytes: SEGMENTS,
    },
    {
      path: 'segments/label-map',
      tag,
      operationId: 'getSegmentsLabelMap',
      summary: 'Label map of a stored mask',
      description: 'The label of each pixel. These are the artifact’s own bytes.',
      part: 'content',
      bytes: LABEL_MAP,
    },
  ],
  async load() {
    const { runSegmentation } = await import('./task.ts');
    return runSegmentation;
  },
});
