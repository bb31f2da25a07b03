import { type Static, type TProperties, Type } from '@sinclair/typebox';
import { ObjectWithDefaults, SchemaRef, StringEnum, TaggedUnion } from '../core/schema.ts';

/** What a threshold is applied to: one 8-bit plane made of the picture's channels. */
export const CHANNELS = [
  'luminance',
  'red',
  'green',
  'blue',
  'alpha',
  'hue',
  'saturation',
  'value',
  'lightness',
  'a',
  'b',
] as const;

/** Largest number of segments of a label map: a 16-bit PNG's levels without 0, the background. */
export const MAX_SEGMENTS = 65_535;

const coordinate = (description: string) => Type.Integer({ description, minimum: 0, maximum: 1_000_000 });

export const Point = Type.Object(
  { x: coordinate('Column, 0 is the leftmost.'), y: coordinate('Row, 0 is the topmost.') },
  {
    $id: 'Point',
    additionalProperties: false,
    description: 'A pixel of the oriented picture.',
    examples: [{ x: 120, y: 80 }],
  },
);
export type Point = Static<typeof Point>;

export const Box = Type.Object(
  {
    x: coordinate('Leftmost column.'),
    y: coordinate('Topmost row.'),
    width: Type.Integer({ description: 'Columns.', minimum: 1, maximum: 1_000_000 }),
    height: Type.Integer({ description: 'Rows.', minimum: 1, maximum: 1_000_000 }),
  },
  {
    $id: 'Box',
    additionalProperties: false,
    description: 'A box of pixels of the oriented picture.',
    examples: [{ x: 40, y: 20, width: 320, height: 240 }],
  },
);
export type Box = Static<typeof Box>;

const points = (description: string) =>
  Type.Array(SchemaRef(Point), { description, default: [], maxItems: 10_000 });

const channel = StringEnum(CHANNELS, {
  description:
    'The plane that is thresholded, 0 to 255. luminance: Rec. 709 weights (0.2126, 0.7152, 0.0722) on the sRGB values, or a one-channel picture as stored; hue: 0° to 360° on 0 to 255; lightness, a, b: CIELAB (D65), L* times 2.55, a* and b* plus 128.',
  default: 'luminance',
});

const invert = Type.Boolean({ description: 'Swap foreground and background.', default: false });

const common = {
  page: Type.Integer({
    description: 'Which frame of an animation or page of a document, counted from 0.',
    default: 0,
    minimum: 0,
    maximum: 100_000,
  }),
  working_size: Type.Optional(
    Type.Integer({
      description:
        'Longest side, in pixels, of the reduced copy that the method works on; the label map has the full size all the same. Default: the full size (grabcut: 640).',
      minimum: 16,
      maximum: 65_535,
    }),
  ),
  open: Type.Integer({
    description: 'Radius, in pixels, of a morphological opening by a disc: removes specks and thin bridges.',
    default: 0,
    minimum: 0,
    maximum: 1000,
  }),
  close: Type.Integer({
    description:
      'Radius, in pixels, of a morphological closing by a disc, after the opening: closes cracks and small holes.',
    default: 0,
    minimum: 0,
    maximum: 1000,
  }),
  fill_holes: Type.Boolean({
    description: 'Give background that one segment class encloses wholly to that class.',
    default: false,
  }),
  segments: Type.Optional(
    StringEnum(['components', 'classes'], {
      description:
        'components: each connected region is a segment; classes: each class is one, however scattered. Default: components for two classes, else classes.',
    }),
  ),
  connectivity: Type.Unsafe<4 | 8>({
    type: 'integer',
    enum: [4, 8],
    description: 'Whether pixels that touch by a corner alone are connected (8) or not (4).',
    default: 8,
  }),
  min_area: Type.Integer({
    description: 'Connected regions of fewer pixels become background.',
    default: 1,
    minimum: 1,
    maximum: 1_000_000_000,
  }),
  max_segments: Type.Integer({
    description: 'Most segments to keep; beyond it the smallest become background and are counted.',
    default: MAX_SEGMENTS,
    minimum: 1,
    maximum: MAX_SEGMENTS,
  }),
};

const variant = <Name extends string, Own extends TProperties>(
  method: Name,
  title: string,
  description: string,
  properties: Own,
) =>
  ObjectWithDefaults(
    {
      method: Type.Literal(method, { description: 'The method.' }),
      ...properties,
      ...common,
    },
    { $id: `${title}SegmentationParams`, title, description },
  );

export const OtsuParams = variant(
  'otsu',
  'Otsu',
  'Global threshold by Otsu’s method: foreground is above it.',
  {
    channel,
    invert,
  },
);

export const ThresholdParams = variant(
  'threshold',
  'Threshold',
  'A given global threshold (`value`), or one for each pixel from its neighbourhood (`adaptive`).',
  {
    channel,
    invert,
    value: Type.Optional(
      Type.Integer({ description: 'Foreground is above this level.', minimum: 0, maximum: 255 }),
    ),
    adaptive: Type.Optional(
      StringEnum(['mean', 'gaussian'], {
        description: 'Foreground is above the (Gaussian-weighted) mean of the block around, less `offset`.',
      }),
    ),
    block_size: Type.Integer({
      description: 'Side of the block of an adaptive threshold, odd, in pixels.',
      default: 51,
      minimum: 3,
      maximum: 999,
    }),
    offset: Type.Number({
      description: 'Taken from the mean of an adaptive threshold.',
      default: 0,
      minimum: -255,
      maximum: 255,
    }),
  },
);

export const MultiOtsuParams = variant(
  'multi_otsu',
  'MultiOtsu',
  'Several thresholds by Otsu’s criterion. The lowest class is background, the others count upwards.',
  {
    channel,
    invert: Type.Boolean({
      description: 'Count downwards: the highest class is background.',
      default: false,
    }),
    classes: Type.Integer({ description: 'Classes of levels.', default: 3, minimum: 2, maximum: 5 }),
  },
);

export const KmeansParams = variant(
  'kmeans',
  'Kmeans',
  'Colour clusters in CIELAB by k-means with a k-means++ start. Classes are ordered from dark to light.',
  {
    clusters: Type.Integer({ description: 'Number of clusters.', default: 4, minimum: 2, maximum: 16 }),
    color_space: StringEnum(['lab', 'rgb', 'luminance'], {
      description: 'Where distances are measured.',
      default: 'lab',
    }),
    seed: Type.Integer({
      description: 'Of the random start; equal seeds give equal results.',
      default: 0,
      minimum: 0,
      maximum: 4_294_967_295,
    }),
    max_iterations: Type.Integer({
      description: 'Most rounds; it ends sooner where nothing changes.',
      default: 100,
      minimum: 1,
      maximum: 1000,
    }),
  },
);

const LevelMarkers = ObjectWithDefaults(
  {
    from: Type.Literal('levels', { description: 'Where markers come from.' }),
    low: Type.Integer({ description: 'Below it is background.', minimum: 0, maximum: 255 }),
    high: Type.Integer({ description: 'Above it is foreground.', minimum: 0, maximum: 255 }),
  },
  {
    $id: 'LevelMarkers',
    description: 'Two grey levels; what is between is flooded.',
  },
);

/** Default of `min_distance`, pixels. */
const MIN_DISTANCE = 10;

const DistanceMarkers = ObjectWithDefaults(
  {
    from: Type.Literal('distance', { description: 'Where markers come from.' }),
    threshold: Type.Optional(
      Type.Integer({
        description: 'Foreground is above this level. Default: Otsu’s.',
        minimum: 0,
        maximum: 255,
      }),
    ),
    min_distance: Type.Integer({
      description: 'Least distance, in pixels, between the peaks of two objects.',
      default: MIN_DISTANCE,
      minimum: 1,
      maximum: 10_000,
    }),
  },
  {
    $id: 'DistanceMarkers',
    description: 'Peaks of the distance to the background of a threshold: parts objects that touch.',
  },
);

const PointMarkers = ObjectWithDefaults(
  {
    from: Type.Literal('points', { description: 'Where markers come from.' }),
    points: Type.Array(SchemaRef(Point), {
      description: 'One point in each object; its place in the list is its class.',
      minItems: 1,
      maxItems: 10_000,
    }),
    background: points('Points of the background.'),
  },
  { $id: 'PointMarkers', description: 'Markers placed by hand.' },
);

const MARKER_SCHEMAS = [LevelMarkers, DistanceMarkers, PointMarkers] as const;

const Markers = TaggedUnion<(typeof MARKER_SCHEMAS)[number]>(
  'from',
  ['levels', 'distance', 'points'],
  MARKER_SCHEMAS,
  { $id: 'WatershedMarkers', description: 'Where the flood starts.' },
);

export const WatershedParams = variant(
  'watershed',
  'Watershed',
  'Flooding of the gradient’s magnitude (Sobel) from markers.',
  {
    channel,
    invert: Type.Boolean({
      description: 'Objects are darker than their background: levels are mirrored before anything else.',
      default: false,
    }),
    markers: Type.Unsafe<Static<typeof Markers>>({
      ...SchemaRef(Markers),
      default: { from: 'distance', min_distance: MIN_DISTANCE },
    }),
  },
);

export const GrabcutParams = variant(
  'grabcut',
  'Grabcut',
  'The object in a box, by iterated graph cuts on colour models; on a reduced copy, then refined at full size.',
  {
    invert,
    box: SchemaRef(Box),
    foreground: points('Points that are certainly part of the object.'),
    background: points('Points that are certainly not part of it.'),
    iterations: Type.Integer({
      description: 'Rounds of learning the colours and cutting.',
      default: 5,
      minimum: 1,
      maximum: 20,
    }),
  },
);

export const ColorParams = variant(
  'color',
  'Color',
  'Pixels whose colour is near a given one, or near that of a point, by CIEDE2000.',
  {
    invert,
    color: Type.Optional(
      Type.String({
        description: 'sRGB as #rrggbb. Default: the colour at `point`.',
        pattern: '^#[0-9a-fA-F]{6}$',
        examples: ['#c8761b'],
      }),
    ),
    tolerance: Type.Number({
      description: 'Largest colour difference ΔE2000.',
      default: 10,
      minimum: 0,
      maximum: 200,
    }),
    point: Type.Optional(
      Type.Unsafe<Point>({
        ...SchemaRef(Point),
        description:
          'Only the region of near colours that is connected to this pixel. Default: the whole picture.',
      }),
    ),
  },
);

/** Parameters of each method, by its name. */
export const METHOD_PARAMS = {
  otsu: OtsuParams,
  threshold: ThresholdParams,
  multi_otsu: MultiOtsuParams,
  kmeans: KmeansParams,
  watershed: WatershedParams,
  grabcut: GrabcutParams,
  color: ColorParams,
} as const;

export type MethodName = keyof typeof METHOD_PARAMS;
export const METHOD_NAMES = Object.keys(METHOD_PARAMS) as MethodName[];

export const SegmentationParams = TaggedUnion<(typeof METHOD_PARAMS)[MethodName]>(
  'method',
  METHOD_NAMES,
  Object.values(METHOD_PARAMS),
  {
    $id: 'SegmentationParams',
    description:
      'How to segment: by `otsu` where no method is named. Coordinates are pixels of the oriented picture.',
  },
);

/** Schemas of parameters that have names, those that are referred to first. */
export const PARAM_SCHEMAS = [
  Point,
  Box,
  ...MARKER_SCHEMAS,
  Markers,
  ...Object.values(METHOD_PARAMS),
  SegmentationParams,
];

/** Parameters with every default filled in. */
export type SegmentationParams = Static<(typeof METHOD_PARAMS)[MethodName]>;
export type ParamsOf<Name extends MethodName> = Static<(typeof METHOD_PARAMS)[Name]>;

export const Segment = Type.Object(
  {
    label: Type.Integer({ description: 'Its value in the label map.', minimum: 1, maximum: MAX_SEGMENTS }),
    area: Type.Integer({ description: 'Pixels.', minimum: 1 }),
    share: Type.Number({ description: 'Area over the pixels of the picture.', minimum: 0, maximum: 1 }),
    bounding_box: SchemaRef(Box),
    centroid: Type.Object(
      { x: Type.Number({ description: 'Column.' }), y: Type.Number({ description: 'Row.' }) },
      { additionalProperties: false, description: 'Mean of its pixels’ columns and rows.' },
    ),
    perimeter: Type.Number({ description: 'Crofton’s formula in four directions, pixels.', minimum: 0 }),
    equivalent_diameter: Type.Number({ description: 'Diameter of the disc of equal area, pixels.' }),
    circularity: Type.Number({
      description: '4π · area / perimeter², at most 1.',
      minimum: 0,
      maximum: 1,
    }),
    mean_color: Type.Array(Type.Number(), { description: 'Mean of each of `color_channels`, 0 to 255.' }),
    stdev_color: Type.Array(Type.Number(), { description: 'Population standard deviation of the same.' }),
    touches_border: Type.Boolean({ description: 'Whether a pixel of it lies at the picture’s border.' }),
    holes: Type.Integer({
      description: 'Holes, by the Euler number for the connectivity asked for.',
      minimum: 0,
    }),
  },
  { $id: 'Segment', additionalProperties: false, description: 'One segment and its measurements.' },
);
export type Segment = Static<typeof Segment>;

export const Found = Type.Object(
  {
    thresholds: Type.Optional(
      Type.Array(Type.Integer(), { description: 'Levels; what is above one is in the next class.' }),
    ),
    centers: Type.Optional(
      Type.Array(
        Type.Object(
          {
            label: Type.Integer({ description: 'The class.' }),
            color: Type.String({ description: 'Nearest sRGB colour, #rrggbb.' }),
            values: Type.Array(Type.Number(), { description: 'In the colour space of the clustering.' }),
          },
          { additionalProperties: false },
        ),
        { description: 'Cluster centres, from dark to light.' },
      ),
    ),
    compactness: Type.Optional(
      Type.Number({ description: 'Sum of squared distances to the cluster centres.' }),
    ),
    iterations: Type.Optional(Type.Integer({ description: 'Rounds until nothing changed.' })),
    color: Type.Optional(Type.String({ description: 'The colour that was looked for, #rrggbb.' })),
    markers: Type.Optional(Type.Integer({ description: 'Object markers that the watershed started from.' })),
    working_size: Type.Optional(
      Type.Object(
        { width: Type.Integer(), height: Type.Integer() },
        { additionalProperties: false, description: 'Size of the reduced copy.' },
      ),
    ),
  },
  {
    $id: 'SegmentationFindings',
    additionalProperties: false,
    description: 'What the method found on the way.',
  },
);
export type Found = Static<typeof Found>;

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

/** Schemas of answers that have names, those that are referred to first. */
export const RESULT_SCHEMAS = [Segment, Found, SegmentationResult, SegmentationSummary];
