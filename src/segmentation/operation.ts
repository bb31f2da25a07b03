import { Type } from '@sinclair/typebox';
import { bytesContent } from '../core/schema.ts';
import { stemOf } from '../images/filename.ts';
import { defineOperation } from '../work/operation.ts';
import { type BytesAnswer, plainForm } from '../work/routes.ts';
import { SEGMENTATION_EXAMPLES, SEGMENTATION_QUERY_EXAMPLE } from './examples.ts';
import { completeParams, nameMethod } from './params.ts';
import { SEGMENTATION_QUERY } from './query-form.ts';
import { SegmentationParams, SegmentationSummary } from './schemas.ts';

declare module '../work/operation.ts' {
  interface Operations {
    segmentation: typeof segmentation;
  }
}

/** Raised when the same parameters give other segments than before. */
const SEGMENTATION_VERSION = 2;

const tag = 'measurement';

/** How the file of a label map is called after the picture's. */
export const LABEL_MAP_SUFFIX = '-labels.png';

const SEGMENTS: BytesAnswer = {
  description: 'What was found, and every segment with its measurements.',
  content: { 'application/json': { schema: Type.Ref('SegmentationResult') } },
};

const LABEL_MAP: BytesAnswer = {
  description: "Each pixel's label as a grey PNG, 8 bits, or 16 past 255 labels; 0 is background.",
  content: bytesContent('image/png'),
};

/**
 * Parts a picture into segments. The bytes of the artifact are the label map; the segments with their measurements, a
 * `SegmentationResult` as JSON, are its document.
 */
export const segmentation = defineOperation({
  name: 'segmentation',
  version: SEGMENTATION_VERSION,
  params: SegmentationParams,
  result: SegmentationSummary,
  subject: 'picture',
  // It fits the schema, which TypeScript cannot see.
  canonicalize: (given) => completeParams(given as SegmentationParams),
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
        summary: (of) => `Segment an ${of} and keep the mask`,
        description:
          'Parts the picture into segments and measures each. The label map is stored as an artifact; its segments are at `/artifacts/{id}/segments`. Without a body, or a `method` in it: by `otsu`.',
        form: plainForm(SegmentationParams),
        complete: nameMethod,
        examples: SEGMENTATION_EXAMPLES,
      },
      get: {
        operationId: (of) => `get${of}Segmentation`,
        summary: (of) => `Segments of an ${of}`,
        description:
          'Parts the picture into segments and measures each. The artifact of the mask is in `Content-Location` and is kept while it is used.',
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
        description: "Each pixel's label. These are the artifact's own bytes.",
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
      description: 'What a segmentation has found, and every segment with its measurements.',
      part: 'document',
      bytes: SEGMENTS,
    },
    {
      path: 'segments/label-map',
      tag,
      operationId: 'getSegmentsLabelMap',
      summary: 'Label map of a stored mask',
      description: "Each pixel's label: the artifact's own bytes.",
      part: 'content',
      bytes: LABEL_MAP,
    },
  ],
  async load() {
    const { runSegmentation } = await import('./task.ts');
    return runSegmentation;
  },
});
