import { type Static, type TSchema, Type } from '@sinclair/typebox';
import {
  IntegerEnum,
  Nullable,
  NullableRef,
  ObjectWithDefaults,
  SchemaRef,
  StringEnum,
  Uuid,
} from '../core/schema.ts';

/**
 * The channels that can be counted. `hue` has 360 levels (whole degrees); all others have as many as the picture's bit
 * depth allows (256 or 65,536).
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

/** Maximum number of bins in a channel: one for each level of a 16-bit picture. */
export const MAX_BINS = 65_536;

export const ChannelSchema = StringEnum(CHANNELS, {
  description: `The channel to count.
- \`red\`, \`green\`, \`blue\`: as stored in a colour picture.
- \`alpha\`: as stored, if the picture has it.
- \`grey\`: as stored in a grey picture.
- \`luminance\`: 0.2126 R + 0.7152 G + 0.0722 B (the Rec. 709 weights) of the gamma-encoded sRGB values, computed exactly and rounded half up to a whole level. For a grey picture, it is the grey level.
- \`value\`, \`saturation\`: the V and S of HSV: max(R, G, B), and (max − min) / max times the highest level (255 or 65,535), rounded half up; the saturation of black is 0.
- \`hue\`: the H of HSV in whole degrees 0–359, rounded half up (360 is 0). Pixels without a hue (R = G = B) are left out.`,
  $id: 'HistogramChannel',
  examples: ['red'],
});

const pixels = (minimum: number, description: string, example: number) =>
  Type.Integer({ minimum, maximum: 1_000_000, description, examples: [example] });

export const RegionSchema = Type.Object(
  {
    left: pixels(0, 'Number of pixels to the left of the box.', 100),
    top: pixels(0, 'Number of pixels above the box.', 50),
    width: pixels(1, 'Width in pixels.', 320),
    height: pixels(1, 'Height in pixels.', 240),
  },
  {
    $id: 'HistogramRegion',
    additionalProperties: false,
    description: 'A box of pixels inside the picture. Default: the whole picture.',
    examples: [{ left: 100, top: 50, width: 320, height: 240 }],
  },
);
export type Region = Static<typeof RegionSchema>;

/** Parameters of a histogram. `checkParams` (`params.ts`) checks the rules that concern several of them. */
export const HistogramParamsSchema = ObjectWithDefaults(
  {
    channels: Type.Optional(
      Type.Array(SchemaRef(ChannelSchema), {
        minItems: 1,
        maxItems: CHANNELS.length,
        uniqueItems: true,
        description:
          'Channels to count. Default: the picture’s own (`grey`, or `red`, `green` and `blue`; and `alpha` if it has one).',
        examples: [['red', 'green', 'blue', 'luminance']],
      }),
    ),
    bins: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_BINS,
        description:
          'Number of bins of equal width over `level_range`: up to 256 for an 8-bit picture, up to 65,536 for a 16-bit one. Default: 256; for `hue` 360; with `per_label`, the largest power of two with which the answer has at most 4,194,304 numbers, if that is fewer. Not together with `edges`.',
        examples: [64],
      }),
    ),
    edges: Type.Optional(
      Type.Array(Type.Number({ minimum: 0, maximum: MAX_BINS }), {
        minItems: 2,
        maxItems: MAX_BINS + 1,
        description:
          'Bin edges, strictly increasing; n edges make n − 1 bins. A bin contains its lower edge but not its upper one; the last bin contains both (as in `numpy.histogram`). Default: bins of equal width. Not together with `bins` or `level_range`.',
        examples: [[0, 16, 64, 128, 256]],
      }),
    ),
    level_range: Type.Optional(
      Type.Array(Type.Number({ minimum: 0, maximum: MAX_BINS }), {
        minItems: 2,
        maxItems: 2,
        description:
          'Lower and upper edge of the bins. Levels outside are counted in `below` and `above`, not in `counts`; the statistics include all levels. Default: 0 and the number of levels (256, 65,536 for a 16-bit picture, 360 for `hue`), so that every level is inside.',
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
        'Percentiles to compute for each channel, by linear interpolation between the two nearest ranks (the default of `numpy.percentile`; definition 7 of Hyndman and Fan 1996).',
      examples: [[1, 5, 95, 99]],
    }),
    region: Type.Optional(SchemaRef(RegionSchema)),
    mask: Type.Optional(
      Uuid({
        description:
          'A segmentation artifact whose label map, of the size of the oriented picture, selects the pixels to count. Without `label` and `per_label`, all pixels with a label other than 0 are counted. Default: no mask.',
      }),
    ),
    label: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description:
          'Count only pixels with this label of the `mask`; 0 is the background. Default: all labels except 0.',
        examples: [3],
      }),
    ),
    per_label: Type.Boolean({
      default: false,
      description:
        'Whether to also give a histogram for each label of the `mask` that occurs, except 0. Not together with `label`.',
      examples: [true],
    }),
    ignore_transparent: Type.Boolean({
      default: false,
      description:
        'Whether to leave out pixels whose alpha is 0, because their colour is invisible. No effect on a picture without alpha.',
      examples: [true],
    }),
    page: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 0,
      description:
        'Page of an animation or a TIFF, counted from 0. A page of an animation is counted as it is shown, composed with those before it.',
      examples: [2],
    }),
    auto_orient: Type.Boolean({
      default: true,
      description:
        'Whether `region` and `mask` refer to the picture with its EXIF orientation applied or as it is stored. Counts of a whole picture are the same either way.',
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
    description: 'Number of pixels measured: the selected ones; for `hue`, only those that have a hue.',
  }),
  counts: Type.Array(Type.Number({ minimum: 0 }), {
    description:
      'Number of pixels in each bin; running totals with `cumulative`, shares of `pixels` (0–1) with `normalize`.',
  }),
  below: Type.Integer({ minimum: 0, description: 'Number of pixels below the first edge.' }),
  above: Type.Integer({ minimum: 0, description: 'Number of pixels above the last edge.' }),
  min: level('Lowest level. Like all statistics, it is null if no pixel was measured.'),
  max: level('Highest level.'),
  mean: level(
    'Arithmetic mean; for `hue`, the direction of the mean vector in degrees, 0–360 (null if it has none).',
  ),
  stdev: level(
    'Population standard deviation; for `hue`, the circular one in degrees, √(−2 ln R) with R the length of the mean vector.',
  ),
  median: level('The 50th percentile.'),
  percentiles: Type.Array(
    Type.Object({
      percentile: Type.Number({ description: 'The requested percentile, 0–100.' }),
      value: level('The interpolated level.'),
    }),
    { description: 'The requested percentiles, in the same order.' },
  ),
  mode: level('The most frequent level; the lowest one of several.'),
  entropy: level('Shannon entropy of the levels, in bits: −Σ p log₂ p.'),
  clipped: Type.Object(
    {
      low: level('Share (0–1) of pixels at the lowest possible level, 0.'),
      high: level('Share (0–1) of pixels at the highest possible level, 255 or 65,535.'),
    },
    { description: 'Shares of clipped pixels; null for `hue`, which is circular.' },
  ),
};

/** One channel of one label, in the same bins as the channel of all labels. */
export const LabelChannelSchema = Type.Object(statistics, { $id: 'HistogramLabelChannel' });
export type ChannelMeasures = Static<typeof LabelChannelSchema>;

export const ChannelHistogramSchema = Type.Object(
  {
    ...statistics,
    levels: Type.Integer({
      description: 'Number of levels that the channel can have: 256, 65,536, or 360 for `hue`.',
    }),
    bin_edges: Type.Array(Type.Number(), {
      description:
        'Edges of the bins, one more than bins. A bin contains its lower edge but not its upper one; the last bin contains both.',
    }),
  },
  {
    $id: 'ChannelHistogram',
    description: 'One channel. The statistics are computed from the counts of all levels, not from the bins.',
  },
);
export type ChannelHistogram = Static<typeof ChannelHistogramSchema>;

function byChannel<T extends TSchema>(schema: T) {
  const optional = Type.Optional(SchemaRef(schema));
  const properties = Object.fromEntries(CHANNELS.map((channel) => [channel, optional]));
  return Type.Object(properties as Record<Channel, typeof optional>, {
    description: 'The counted channels by name.',
  });
}

export const LabelHistogramSchema = Type.Object(
  {
    label: Type.Integer({ minimum: 1, maximum: 65_535, description: 'The label in the mask.' }),
    pixels: Type.Integer({ minimum: 1, description: 'Number of selected pixels with this label.' }),
    channels: byChannel(LabelChannelSchema),
  },
  { $id: 'LabelHistogram', description: 'Histograms of one label’s pixels.' },
);
export type LabelHistogram = Static<typeof LabelHistogramSchema>;

export const HistogramResultSchema = Type.Object(
  {
    width: Type.Integer({ description: 'Width of the picture in pixels, oriented as `auto_orient` says.' }),
    height: Type.Integer({ description: 'Height of the picture in pixels.' }),
    page: Type.Integer({ description: 'The measured page, counted from 0.' }),
    pages: Type.Integer({ description: 'Number of pages that the picture has.' }),
    bit_depth: IntegerEnum([8, 16], { description: 'Bits per channel.' }),
    color_space: StringEnum(['grey', 'srgb'], {
      description:
        'Whether grey levels or red, green and blue were counted. They are the stored numbers, without colour management, unless `converted_from` is set.',
    }),
    converted_from: Nullable('string', {
      description:
        'The stored colour space (`cmyk`, `lab`, …) if the picture was converted to 8-bit sRGB to be counted, else null.',
      examples: ['cmyk'],
    }),
    region: NullableRef(RegionSchema, {
      description: 'The counted box; null if the whole picture was counted.',
    }),
    cumulative: Type.Boolean({ description: 'Whether `counts` are running totals.' }),
    normalized: Type.Boolean({ description: 'Whether `counts` are shares of the pixels.' }),
    pixels: Type.Integer({
      minimum: 0,
      description: 'Number of pixels selected by region, mask and transparency.',
    }),
    channels: byChannel(ChannelHistogramSchema),
    labels: Type.Optional(
      Type.Array(SchemaRef(LabelHistogramSchema), {
        description: 'With `per_label`: one entry for each label, ascending.',
      }),
    ),
  },
  { $id: 'HistogramResult', description: 'Histograms of one page of a picture.' },
);
export type HistogramResult = Static<typeof HistogramResultSchema>;

/** What an artifact shows of its histograms. */
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
    channels: Type.Array(SchemaRef(ChannelSchema), { description: 'The channels that were counted.' }),
  },
  {
    $id: 'HistogramSummary',
    additionalProperties: false,
    description: 'Histograms without their numbers.',
  },
);
export type HistogramSummary = Static<typeof HistogramSummarySchema>;

/** The named schemas of this slice, for `addSchema`. */
export const HISTOGRAM_SCHEMAS = [
  ChannelSchema,
  RegionSchema,
  HistogramParamsSchema,
  LabelChannelSchema,
  ChannelHistogramSchema,
  LabelHistogramSchema,
  HistogramResultSchema,
  HistogramSummarySchema,
];
