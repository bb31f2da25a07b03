import { type Static, Type } from '@sinclair/typebox';
import { IntegerEnum, ObjectWithDefaults, SchemaRef, StringEnum, TaggedUnion } from '../core/schema.ts';
import { FLAT_PARAMS } from './flat-params.ts';
import { Box, MAX_SEGMENTS, Point, Segment } from './labels/segment.ts';
import { METHOD_NAMES, METHODS, type MethodName } from './methods/index.ts';
import { Found, type Method } from './methods/method.ts';

const methods = Object.values(METHODS);

export const SegmentationParams = TaggedUnion<(typeof METHODS)[MethodName]['params']>(
  'method',
  METHOD_NAMES,
  methods.map(({ params }) => params),
  {
    $id: 'SegmentationParams',
    description: 'How to segment. Coordinates are pixels of the oriented picture.',
  },
);
export type SegmentationParams = Static<typeof SegmentationParams>;

/**
 * What clients may send, for the document: one object, which every generator understands. The method's own schema validates the
 * body, after `nameMethod` has added the method.
 */
export const SegmentationRequest = ObjectWithDefaults(FLAT_PARAMS, {
  $id: 'SegmentationRequest',
  description: `How to segment: a method and its parameters. Coordinates are pixels of the oriented picture.`,
});

const summary = {
  method: StringEnum(METHOD_NAMES, { description: 'The method.' }),
  width: Type.Integer({ description: 'Width of the label map and of the oriented picture, in pixels.' }),
  height: Type.Integer({ description: 'Height of both, in pixels.' }),
  segmented_by: StringEnum(['components', 'classes'], {
    description: 'Whether each connected region or each class is a segment.',
  }),
  connectivity: IntegerEnum([4, 8], {
    description: 'Number of neighbours that count as connected: 4 or 8.',
  }),
  bit_depth: IntegerEnum([8, 16], {
    description: 'Bit depth of the label map: 16 if it has more than 255 labels.',
  }),
  segment_count: Type.Integer({ description: 'Number of segments.', minimum: 0, maximum: MAX_SEGMENTS }),
  foreground_area: Type.Integer({ description: 'Number of pixels in all segments.' }),
  dropped: Type.Object(
    {
      min_area: Type.Integer({ description: 'Number of regions below `min_area`.' }),
      max_segments: Type.Integer({ description: 'Number of segments beyond `max_segments`.' }),
    },
    { additionalProperties: false, description: 'Numbers of regions and segments that became background.' },
  ),
  found: SchemaRef(Found),
  perimeter_estimator: Type.Literal('crofton_4', {
    description: 'How perimeters are estimated: Crofton’s formula in four directions.',
  }),
  color_channels: Type.Array(Type.String(), { description: '[grey] or [red, green, blue].' }),
};

export const SegmentationResult = Type.Object(
  {
    ...summary,
    segments: Type.Array(SchemaRef(Segment), { description: 'One entry for each label, ascending.' }),
  },
  {
    $id: 'SegmentationResult',
    additionalProperties: false,
    description: 'What the method found, and the measured segments.',
  },
);
export type SegmentationResult = Static<typeof SegmentationResult>;

export const SegmentationSummary = Type.Object(summary, {
  $id: 'SegmentationSummary',
  additionalProperties: false,
  description: 'A segmentation without its segments.',
});
export type SegmentationSummary = Static<typeof SegmentationSummary>;

/** The named schemas of this slice, each after those that it refers to. */
export const SEGMENTATION_SCHEMAS = [
  Point,
  Box,
  ...methods.flatMap(({ schemas = [] }: Method) => schemas),
  ...methods.map(({ params }) => params),
  SegmentationParams,
  SegmentationRequest,
  Segment,
  Found,
  SegmentationResult,
  SegmentationSummary,
];
