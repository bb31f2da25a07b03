import { type Static, Type } from '@sinclair/typebox';
import { MAX_CURSOR_LENGTH, PageOf } from '../core/cursor.ts';
import { Nullable, ObjectWithDefaults, StringEnum, Timestamp, Uuid } from '../core/schema.ts';
import { DELIMITERS, MAX_COLUMNS } from './csv/header.ts';
import { DEFAULT_NULL_VALUES } from './csv/null-values.ts';
import { FRAME_SOURCES } from './reading/frame-rows.ts';
import { EXPORT_FORMATS } from './reading/representations.ts';
import { DEFAULT_COLORMAP } from './rows/colormap.ts';
import { DEFAULT_WINDOW, NORMALIZATIONS } from './rows/normalize.ts';
import { DEFAULT_WIDTH, RESAMPLE_KERNELS } from './rows/resampler.ts';

const id = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
const image =
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAMAAADD/I+4AAAABlBMVEUAAAD///+l2Z/dAAAADElEQVR4AQECAP3/AAEAAwACJfqxTgAAAABJRU5ErkJggg==';

const width = (options: object) => Type.Integer({ minimum: 1, maximum: MAX_COLUMNS, ...options });
const depth = (options: object = {}) => Type.Number({ examples: [9000.1], ...options });

export const GapSchema = Type.Object(
  { row: Type.Integer({ description: 'After the jump.' }), from_depth: depth(), to_depth: depth() },
  { $id: 'DepthGap', description: 'A place where the depth jumps by more than 1.5 typical steps.' },
);

export const StepSchema = Type.Object(
  {
    typical: Type.Number({ description: 'The most frequent one.' }),
    min: Type.Number(),
    max: Type.Number(),
    mean: Type.Number(),
  },
  { $id: 'DepthStep', description: 'Steps from row to row, in depth units, regardless of direction.' },
);

export const CellFaultSchema = Type.Object(
  {
    code: Type.String({ examples: ['out_of_range'] }),
    row: Type.Integer({ description: 'Rows after the header, from 1.' }),
    line: Type.Integer({ description: 'Lines of the file, from 1.' }),
    column: Nullable('string', { description: 'Null for a fault of the whole row.' }),
    value: Nullable('string', { description: 'The text of the cell, clipped.' }),
    message: Type.String(),
  },
  { $id: 'CellFault', description: 'A fault in a CSV file, and where it is.' },
);

export const QualitySchema = Type.Object(
  {
    rows: Type.Integer({ description: 'Rows kept.' }),
    empty_rows: Type.Integer({ description: 'Rows skipped because all their cells are empty.' }),
    bad_rows: Type.Integer({ description: 'Rows skipped because of faults.' }),
    null_pixels: Type.Integer({ description: 'Missing pixels in kept rows.' }),
    depth_min: Nullable('number'),
    depth_max: Nullable('number'),
    value_min: Nullable('integer'),
    value_max: Nullable('integer'),
    depth_order: StringEnum(['ascending', 'descending', 'unsorted']),
    descents: Type.Integer({ description: 'Rows with a smaller depth than the one before.' }),
    duplicate_depths: Type.Integer({ description: 'Rows with the depth of the one before.' }),
    step: Type.Union([Type.Ref('DepthStep'), Type.Null()]),
    gaps: Type.Integer(),
    largest_gaps: Type.Array(Type.Ref('DepthGap')),
    steps_exact: Type.Boolean({ description: 'False where there are more than 1,024 different steps.' }),
    delimiter: StringEnum(DELIMITERS),
    faults: Type.Array(Type.Ref('CellFault'), { description: 'Of skipped rows, the first 100.' }),
    fault_total: Type.Integer(),
  },
  { $id: 'FrameSetQuality', description: 'What was found when the file was read.' },
);

export const IngestOptionsSchema = Type.Object(
  {
    delimiter: Nullable('string', { description: 'Null: found from the header.' }),
    null_values: Type.Array(Type.String()),
    on_error: StringEnum(['fail', 'skip']),
    width: width({}),
    kernel: StringEnum(RESAMPLE_KERNELS),
  },
  { $id: 'IngestOptions', description: 'How the file was read.' },
);

const frameSetProperties = {
  id: Uuid(),
  name: Type.String(),
  filename: Type.String({ description: 'The name it was uploaded with.' }),
  sha256: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: "SHA-256 of the file's bytes, hexadecimal.",
  }),
  size: Type.Integer({ description: 'Bytes of the file.' }),
  rows: Type.Integer({ description: 'Frames.' }),
  columns: Type.Integer({ description: 'Pixels of a row as uploaded.' }),
  width: Type.Integer({ description: 'Pixels of a row as resized.' }),
  depth_min: depth(),
  depth_max: depth(),
  depth_unit: Nullable('string', { examples: ['m'] }),
  value_min: Nullable('integer', { description: 'Least grey level; null where all pixels are missing.' }),
  value_max: Nullable('integer', { description: 'Greatest grey level.' }),
  options: Type.Ref('IngestOptions'),
  quality: Type.Ref('FrameSetQuality'),
  created_at: Timestamp(),
  updated_at: Timestamp(),
  frames_url: Type.String({ format: 'uri-reference', examples: [`/frames?frame_set_id=${id}`] }),
};

export const FrameSetSchema = Type.Object(frameSetProperties, {
  $id: 'FrameSet',
  description: 'An uploaded image log.',
});

export const FrameSetPageSchema = PageOf('FrameSet', 'A page of frame sets.');

export const FrameSetUploadSchema = Type.Object(
  { message: Type.String(), ...frameSetProperties },
  { $id: 'FrameSetUpload', description: 'What became of an uploaded image log.' },
);

const frameProperties = {
  id: Type.Integer(),
  depth: depth(),
  width: Type.Integer({ examples: [150] }),
  height: Type.Integer({ description: 'Always 1.', examples: [1] }),
  image: Type.String({ contentEncoding: 'base64', contentMediaType: 'image/png', examples: [image] }),
};

export const FrameSchema = Type.Object(frameProperties, {
  $id: 'Frame',
  description: 'One row of an image log as a picture one pixel high.',
});

export const FrameDetailSchema = Type.Object(
  {
    ...frameProperties,
    frame_set_id: Uuid(),
    row: Type.Integer({ description: 'Place in the file: rows after the header, from 1.' }),
  },
  { $id: 'FrameDetail', description: 'One frame, and where it comes from.' },
);

export const ColormapSchema = Type.Object(
  {
    name: Type.String({ examples: ['core'] }),
    description: Type.String(),
    is_default: Type.Boolean(),
    stops: Type.Array(
      Type.Object({
        position: Type.Integer({ minimum: 0, maximum: 255 }),
        color: Type.String({ pattern: '^#[0-9a-f]{6}$' }),
      }),
    ),
    swatch: Type.String({
      contentEncoding: 'base64',
      contentMediaType: 'image/png',
      description: 'All colours from level 0 to 255, 256×16 pixels, as a base64 PNG.',
    }),
  },
  { $id: 'Colormap', description: 'How grey levels become colours.' },
);

export const ColormapListSchema = Type.Object(
  { items: Type.Array(Type.Ref('Colormap')) },
  {
    $id: 'ColormapList',
    description: 'The colour maps that have a name. Each is also there reversed, as `NAME_r`.',
  },
);

/** The multipart body of an upload, for the document: the body itself is read as a stream. */
export const UploadLogFormSchema = Type.Object({
  file: Type.Unsafe<unknown>({
    type: 'string',
    format: 'binary',
    contentMediaType: 'application/octet-stream',
    description: 'A CSV file: `depth,col1,…,colN`.',
  }),
});

const DELIMITER_NAMES = ['comma', 'semicolon', 'tab'] as const;

export const UploadLogQuerySchema = ObjectWithDefaults({
  name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: "Default: the file's name without its extension.",
    }),
  ),
  delimiter: Type.Optional(
    StringEnum([...DELIMITER_NAMES, ...DELIMITERS], {
      description: 'What separates cells. Default: found from the header.',
    }),
  ),
  null_values: Type.Array(Type.String({ maxLength: 600 }), {
    default: [...DEFAULT_NULL_VALUES],
    maxItems: 16,
    description: 'Marks of missing pixels besides the empty cell; several times, or separated by commas.',
  }),
  on_error: StringEnum(['fail', 'skip'], {
    default: 'fail',
    description: 'What becomes of rows with faults: they fail the upload, or are left out and reported.',
  }),
  width: width({ default: DEFAULT_WIDTH, description: 'Pixels of the resized rows.' }),
  kernel: StringEnum(RESAMPLE_KERNELS, { default: 'area', description: 'How rows are resized.' }),
  depth_unit: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 32,
      description: 'Unit of the depths, as it is to be shown.',
      examples: ['m', 'ft'],
    }),
  ),
  force: Type.Boolean({ default: false, description: 'Store the log although the same one is there.' }),
});
export type UploadLogQuery = Static<typeof UploadLogQuerySchema>;

/** The character that a delimiter's name stands for. */
export function delimiterOf(name: NonNullable<UploadLogQuery['delimiter']>): (typeof DELIMITERS)[number] {
  const index = (DELIMITER_NAMES as readonly string[]).indexOf(name);
  return DELIMITERS[index] ?? (name as (typeof DELIMITERS)[number]);
}

const lookQuery = {
  colormap: Type.String({
    default: DEFAULT_COLORMAP,
    maxLength: 8192,
    description:
      'A name (`GET /colormaps`), `_r` behind it to reverse it, or stops: `0:#000000,255:#ffffff`.',
  }),
  normalization: StringEnum(NORMALIZATIONS, {
    default: 'none',
    description:
      'Spread grey levels over 0–255: from the least to the greatest of the whole frame set (`static`), or of a window of depth around each row (`dynamic`).',
  }),
  window: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1e9,
    default: DEFAULT_WINDOW,
    description: 'Depth units of the window of `dynamic`.',
  }),
  source: StringEnum(FRAME_SOURCES, { default: 'resized', description: 'Rows as resized, or as uploaded.' }),
  width: Type.Optional(width({ description: 'Pixels of a row, resampled from the originals.' })),
};

export const MAX_FRAME_LIMIT = 100_000;

/** Formats of pictures of frames. */
export const PICTURE_FORMATS = ['png', 'webp', 'jpeg'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** Which frames, how they look, and how many of them: what all lists of frames take. */
const listQuery = {
  depth_min: Type.Optional(depth({ description: 'Least depth, included.' })),
  depth_max: Type.Optional(depth({ description: 'Greatest depth, included.' })),
  frame_set_id: Type.Optional(Uuid({ description: 'Only frames of this frame set. Default: of all.' })),
  order: StringEnum(['depth', 'file'], {
    default: 'depth',
    description: 'By depth, frame set and row; or by frame set and row.',
  }),
  ...lookQuery,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_FRAME_LIMIT,
      description: 'Most frames. Default: all.',
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: MAX_CURSOR_LENGTH,
      description: 'Where to go on: from the `Link` header of the page before.',
    }),
  ),
};

export const FrameListQuerySchema = ObjectWithDefaults(listQuery);
export type FrameListQuery = Static<typeof FrameListQuerySchema>;

export const FramePictureQuerySchema = ObjectWithDefaults({
  ...listQuery,
  format: StringEnum([...PICTURE_FORMATS, 'auto'], {
    default: 'png',
    description: 'Format of the picture. `auto`: the one that `Accept` prefers and that has room for it.',
  }),
  height: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: 'Rows of the picture, each the average of frames. Default: one for each frame.',
    }),
  ),
  scale: StringEnum(['rows', 'depth'], {
    default: 'rows',
    description: 'Divide the `height` among frames, or among depths, where gaps stay transparent.',
  }),
});
export type FramePictureQuery = Static<typeof FramePictureQuerySchema>;

const { frame_set_id: _set, ...pictured } = FramePictureQuerySchema.properties;

/** Parameters of a picture once it is known what it shows: its frame sets are its inputs. */
export const FramePictureParamsSchema = ObjectWithDefaults({
  ...pictured,
  format: StringEnum(PICTURE_FORMATS),
  width: width({}),
  height: Type.Integer({ minimum: 1 }),
});
export type FramePictureParams = Static<typeof FramePictureParamsSchema>;

export const FrameExportQuerySchema = ObjectWithDefaults({
  ...listQuery,
  format: StringEnum(EXPORT_FORMATS, {
    default: 'csv',
    description:
      '`csv`: depths and grey levels as numbers; `ndjson`: a frame as JSON in each line; `raw`: grey levels, a byte each.',
  }),
});

export const FrameQuerySchema = ObjectWithDefaults(lookQuery);

export const FrameParamsSchema = Type.Object(
  {
    id: Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'As a list of frames gives it.',
      examples: [1],
    }),
  },
  { additionalProperties: false },
);

export const FrameSetChangesSchema = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    depth_unit: Type.Optional(
      Nullable('string', { minLength: 1, maxLength: 32, description: 'Null removes it.' }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    $id: 'FrameSetChanges',
    description: 'What of a frame set can be changed.',
    examples: [{ name: 'Well 7, run 2', depth_unit: 'm' }],
  },
);

export type FrameSetResponse = Omit<Static<typeof FrameSetSchema>, 'options' | 'quality'> & {
  options: Static<typeof IngestOptionsSchema>;
  quality: unknown;
};

/** The schemas of this slice that have names, for `addSchema`. */
export const FRAME_SCHEMAS = [
  GapSchema,
  StepSchema,
  CellFaultSchema,
  QualitySchema,
  IngestOptionsSchema,
  FrameSetSchema,
  FrameSetPageSchema,
  FrameSetUploadSchema,
  FrameSchema,
  FrameDetailSchema,
  ColormapSchema,
  ColormapListSchema,
  FrameSetChangesSchema,
];
