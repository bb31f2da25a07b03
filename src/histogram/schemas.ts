import { type Static, Type } from '@sinclair/typebox';
import { Nullable, ObjectWithDefaults, SchemaRef, StringEnum, Uuid } from '../core/schema.ts';

/**
 * What can be counted. `hue` has 360 levels (whole degrees), every other channel as many as its picture's depth has
 * (256 or 65,536).
 */
export const CHANNELS = [
  'red',
  'green',
  'blue',
  'alpha',
  'grey',
  'luminance',
  'hue',
  'saturation',
  'value',
] as const;
export type Channel = (typeof CHANNELS)[number];

/** Most bins of one channel: one for each level of a 16-bit picture. */
export const MAX_BINS = 65_536;

export const ChannelSchema = StringEnum(CHANNELS, {
  description: `What is counted.
- \`red\`, \`green\`, \`blue\`: of a colour picture, as stored.
- \`alpha\`: of a picture that has it, as stored.
- \`grey\`: of a one-channel picture, as stored.
- \`luminance\`: 0.2126 R + 0.7152 G + 0.0722 B (the Rec. 709 weights) of the gamma-encoded sRGB values, computed exactly and rounded half up to a whole level. Of a grey picture it is the grey.
- \`value\`, \`saturation\`: the V and S of HSV: max(R, G, B), and (max − min) / max times the highest level (255 or 65,535), rounded half up; the saturation of black is 0.
- \`hue\`: the H of HSV in whole degrees 0–359, rounded half up (360 is 0). Pixels without a hue (R = G = B) are left out.`,
  examples: ['red'],
});

export const RegionSchema = Type.Object(
  {
    left: Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: 'Pixels left of the box.',
      examples: [100],
    }),
    top: Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: 'Pixels above the box.',
      examples: [50],
    }),
    width: Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Width in pixels.', examples: [320] }),
    height: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: 'Height in pixels.',
      examples: [240],
    }),
  },
  {
    $id: 'HistogramRegion',
    additionalProperties: false,
    description: 'A box of pixels, inside the picture. Default: the whole picture.',
    examples: [{ left: 100, top: 50, width: 320, height: 240 }],
  },
);
export type Region = Static<typeof RegionSchema>;

/** Parameters of a histogram. Rules that reach over several of them are in `checkParams` (`params.ts`). */
export const HistogramParamsSchema = ObjectWithDefaults(
  {
    channels: Type.Optional(
      Type.Array(ChannelSchema, {
        minItems: 1,
        maxItems: CHANNELS.length,
        uniqueItems: true,
        description:
          'Channels to count. Default: the picture’s own (`grey`, or `red`, `green`, `blue`; and `alpha` where it has one).',
        examples: [['red', 'green', 'blue', 'luminance']],
      }),
    ),
    bins: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_BINS,
        description:
          'Bins of equal width over `level_range`: 1 to 256 for an 8-bit picture, to 65,536 for a 16-bit one. Default: 256, for hue 360. Not together with `edges`.',
        examples: [64],
      }),
    ),
    edges: Type.Optional(
      Type.Array(Type.Number({ minimum: 0, maximum: MAX_BINS }), {
        minItems: 2,
        maxItems: MAX_BINS + 1,
        description:
          'Bin edges, strictly increasing; n edges make n − 1 bins. A bin holds its lower edge and not its upper one, except the last, which holds both (as `numpy.histogram`). Default: bins of equal width. Not together with `bins` or `level_range`.',
        examples: [[0, 16, 64, 128, 256]],
      }),
    ),
    level_range: Type.Optional(
      Type.Array(Type.Number({ minimum: 0, maximum: MAX_BINS }), {
        minItems: 2,
        maxItems: 2,
        description:
          'Lower and upper edge of the bins. Levels outside are not in `counts` but in `below` and `above`; the statistics are of all levels. Default: 0 and the number of levels (256, 65,536 for a 16-bit picture, 360 for hue), so that every level is inside.',
        examples: [[0, 128]],
      }),
    ),
    cumulative: Type.Boolean({
      default: false,
      description: 'Whether each of `counts` also includes all bins before it.',
      examples: [true],
    }),
    normalize: Type.Boolean({
      default: false,
      description: 'Whether `counts` are shares (0–1) of the channel’s pixels instead of numbers of pixels.',
      examples: [true],
    }),
    percentiles: Type.Array(Type.Number({ minimum: 0, maximum: 100 }), {
      maxItems: 101,
      uniqueItems: true,
      default: [],
      description:
        'Percentiles to give for each channel, in this order. Linear interpolation between the two nearest levels in order of rank (`numpy.percentile`’s default; definition 7 of Hyndman and Fan 1996).',
      examples: [[1, 5, 95, 99]],
    }),
    region: Type.Optional(SchemaRef(RegionSchema)),
    mask: Type.Optional(
      Uuid({
        description:
          'A segmentation artifact: its label map, of the size of the picture as it is seen, says which pixels count. Without `label` and `per_label` they are those with a label other than 0. Default: no mask.',
      }),
    ),
    label: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description:
          'Count only pixels with this label of the `mask`; 0 is the background. Default: all labels but 0.',
        examples: [3],
      }),
    ),
    per_label: Type.Boolean({
      default: false,
      description:
        'Whether to give also one histogram for each label of the `mask` that occurs, except 0. Not together with `label`.',
      examples: [true],
    }),
    ignore_transparent: Type.Boolean({
      default: false,
      description:
        'Whether to leave out pixels whose alpha is 0, whose colour nobody sees. Changes nothing for a picture without alpha.',
      examples: [true],
    }),
    page: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 0,
      description:
        'Frame of an animation (as it is shown, composed with those before it) or page of a TIFF, from 0. A histogram is always of one frame.',
      examples: [2],
    }),
    auto_orient: Type.Boolean({
      default: true,
      description:
        'Whether `region` and `mask` refer to the picture as it is seen (EXIF orientation applied) or as it is stored. Counts of a whole picture are the same either way.',
      examples: [false],
    }),
  },
  { $id: 'HistogramParams', description: 'What to count, and how to bin it.' },
);
export type HistogramParams = Static<typeof HistogramParamsSchema>;

const level = (description: string) => Nullable('number', { description });

const statistics = {
  pixels: Type.Integer({
    minimum: 0,
    description: 'Pixels measured: those selected, for `hue` those of them that have a hue.',
  }),
  counts: Type.Array(Type.Number({ minimum: 0 }), {
    description:
      'Pixels in each bin; running totals with `cumulative`, shares of `pixels` (0–1) with `normalize`.',
  }),
  below: Type.Integer({ minimum: 0, description: 'Pixels below the first edge.' }),
  above: Type.Integer({ minimum: 0, description: 'Pixels above the last edge.' }),
  min: level('Lowest level. Null, like all statistics, where no pixel was measured.'),
  max: level('Highest level.'),
  mean: level(
    'Arithmetic mean; for `hue` the direction of the mean vector, in degrees 0–360 (null where it has none).',
  ),
  stdev: level(
    'Population standard deviation; for `hue` the circular one, √(−2 ln R) in degrees with R the length of the mean vector.',
  ),
  median: level('The 50th percentile.'),
  percentiles: Type.Array(
    Type.Object({
      percentile: Type.Number({ description: 'The percentile asked for, 0–100.' }),
      value: level('Its level, interpolated.'),
    }),
    { description: 'The percentiles asked for, in their order.' },
  ),
  mode: level('The level that most pixels have; the lowest of several.'),
  entropy: level('Shannon entropy of the levels, in bits: −Σ p log₂ p.'),
  clipped: Type.Object(
    {
      low: level('Share (0–1) of pixels at the lowest possible level, 0.'),
      high: level('Share (0–1) of pixels at the highest possible level, 255 or 65,535.'),
    },
    { description: 'Shares of clipped pixels; null for `hue`, which has no ends.' },
  ),
};

/** Of one channel of one label. The bins are those of the same channel of the whole. */
export const LabelChannelSchema = Type.Object(statistics, { $id: 'HistogramLabelChannel' });
export type ChannelMeasures = Static<typeof LabelChannelSchema>;

export const ChannelHistogramSchema = Type.Object(
  {
    ...statistics,
    levels: Type.Integer({ description: 'Levels the channel can have: 256, 65,536, or 360 for `hue`.' }),
    bin_edges: Type.Array(Type.Number(), {
      description:
        'Edges of the bins, one more than bins. A bin holds its lower edge and not its upper one, except the last, which holds both.',
    }),
  },
  {
    $id: 'ChannelHistogram',
    description:
      'One channel. The statistics are exact: computed from the counts of all levels, whatever the bins.',
  },
);
export type ChannelHistogram = Static<typeof ChannelHistogramSchema>;

const byChannel = <T extends typeof ChannelHistogramSchema | typeof LabelChannelSchema>(
  schema: T,
  description: string,
) =>
  Type.Object(
    {
      red: Type.Optional(SchemaRef(schema)),
      green: Type.Optional(SchemaRef(schema)),
      blue: Type.Optional(SchemaRef(schema)),
      alpha: Type.Optional(SchemaRef(schema)),
      grey: Type.Optional(SchemaRef(schema)),
      luminance: Type.Optional(SchemaRef(schema)),
      hue: Type.Optional(SchemaRef(schema)),
      saturation: Type.Optional(SchemaRef(schema)),
      value: Type.Optional(SchemaRef(schema)),
    } satisfies Record<Channel, unknown>,
    { description },
  );

export const LabelHistogramSchema = Type.Object(
  {
    label: Type.Integer({ minimum: 1, maximum: 65_535, description: 'The label in the mask.' }),
    pixels: Type.Integer({ minimum: 1, description: 'Pixels selected that have it.' }),
    channels: byChannel(LabelChannelSchema, 'The channels counted, each by its name.'),
  },
  { $id: 'LabelHistogram', description: 'Histograms of one label’s pixels.' },
);
export type LabelHistogram = Static<typeof LabelHistogramSchema>;

export const HistogramResultSchema = Type.Object(
  {
    width: Type.Integer({ description: 'Width of the picture in pixels, oriented as `auto_orient` says.' }),
    height: Type.Integer({ description: 'Height of the picture in pixels.' }),
    page: Type.Integer({ description: 'The frame or page measured, from 0.' }),
    pages: Type.Integer({ description: 'Frames or pages that the picture has.' }),
    bit_depth: Type.Union([Type.Literal(8), Type.Literal(16)], { description: 'Bits of a level.' }),
    color_space: StringEnum(['grey', 'srgb'], {
      description:
        'What was counted: grey levels, or red, green and blue. They are the stored numbers, with no colour management, unless `converted_from` is set.',
    }),
    converted_from: Nullable('string', {
      description:
        'The stored colour space (`cmyk`, `lab`, …) where the picture had to be converted to 8-bit sRGB to be counted, else null.',
      examples: ['cmyk'],
    }),
    region: Type.Union([SchemaRef(RegionSchema), Type.Null()], {
      description: 'The box counted; null is the whole.',
    }),
    cumulative: Type.Boolean({ description: 'Whether `counts` are running totals.' }),
    normalized: Type.Boolean({ description: 'Whether `counts` are shares of the pixels.' }),
    pixels: Type.Integer({ minimum: 0, description: 'Pixels selected by region, mask and transparency.' }),
    channels: byChannel(ChannelHistogramSchema, 'The channels counted, each by its name.'),
    labels: Type.Optional(
      Type.Array(SchemaRef(LabelHistogramSchema), {
        description: 'With `per_label`: one entry a label, ascending.',
      }),
    ),
  },
  { $id: 'HistogramResult', description: 'Histograms of one frame of a picture.' },
);
export type HistogramResult = Static<typeof HistogramResultSchema>;

/** What an artifact says of its histograms without their numbers. */
export const HistogramSummarySchema = Type.Object(
  {
    ...Type.Pick(HistogramResultSchema, [
      'width',
      'height',
      'page',
      'pages',
      'bit_depth',
      'color_space',
      'pixels',
    ]).properties,
    channels: Type.Array(StringEnum(CHANNELS), { description: 'The channels that were counted.' }),
  },
  {
    $id: 'HistogramSummary',
    additionalProperties: false,
    description: 'What is known of histograms without their numbers.',
  },
);
export type HistogramSummary = Static<typeof HistogramSummarySchema>;

/** The schemas of this slice that have names, for `addSchema`. */
export const HISTOGRAM_SCHEMAS = [
  RegionSchema,
  HistogramParamsSchema,
  LabelChannelSchema,
  ChannelHistogramSchema,
  LabelHistogramSchema,
  HistogramResultSchema,
  HistogramSummarySchema,
];
