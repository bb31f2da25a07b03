import { type Static, Type } from '@sinclair/typebox';
import { SchemaRef, StringEnum, TaggedUnion } from '../core/schema.ts';
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
    description:
      'How to segment: by `otsu` where no method is named. Coordinates are pixels of the oriented picture.',
  },
);
/** Parameters with every default filled in. */
export type SegmentationParams = Static<typeof SegmentationParams>;

/** What is known of a segmentation without its segments. */
const summary = {
  method: StringEnum(METHOD_NAMES, { description: 'The method.' }),
  width: Type.Integer({ description: 'Of the label map and of the oriented picture, pixels.' }),
  height: Type.Integer({ description: 'Of the same, pixels.' }),
  segmented_by: StringEnum(['components', 'classes'], { description: 'What a segment is.' }),
  connectivity: Type.Unsafe<4 | 8>({
    type: 'integer',
    enum: [4, 8],
    description: 'Neighbours that connect a pixel.',
  }),
  bit_depth: Type.Unsafe<8 | 16>({
    type: 'integer',
    enum: [8, 16],
    description: 'Of the label map: 16 past 255 labels.',
  }),
  segment_count: Type.Integer({ description: 'Segments.', minimum: 0, maximum: MAX_SEGMENTS }),
  foreground_area: Type.Integer({ description: 'Pixels of all segments.' }),
  dropped: Type.Object(
    {
      min_area: Type.Integer({ description: 'Regions below `min_area`.' }),
      max_segments: Type.Integer({ description: 'Segments beyond `max_segments`.' }),
    },
    { additionalProperties: false, description: 'What became background.' },
  ),
  found: SchemaRef(Found),
  perimeter_estimator: Type.Literal('crofton_4', {
    description: 'How perimeters are estimated: Crofton’s formula in four directions.',
  }),
  color_channels: Type.Array(Type.String(), { description: '[grey], or [red, green, blue].' }),
};

export const SegmentationResult = Type.Object(
  {
    ...summary,
    segments: Type.Array(SchemaRef(Segment), { description: 'One entry a label, ascending.' }),
  },
  {
    $id: 'SegmentationResult',
    additionalProperties: false,
    description: 'What was found and measured.',
  },
);
export type SegmentationResult = Static<typeof SegmentationResult>;

export const SegmentationSummary = Type.Object(summary, {
  $id: 'SegmentationSummary',
  additionalProperties: false,
  description: 'What is known of a segmentation without its segments.',
});
export type SegmentationSummary = Static<typeof SegmentationSummary>;

/** The schemas of this slice that have names, those that are referred to first. */
export const SEGMENTATION_SCHEMAS = [
  Point,
  Box,
  ...methods.flatMap(({ schemas = [] }: Method) => schemas),
  ...methods.map(({ params }) => params),
  SegmentationParams,
  Segment,
  Found,
  SegmentationResult,
  SegmentationSummary,
];
