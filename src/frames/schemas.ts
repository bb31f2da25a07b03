import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '../core/cursor.ts';
import {
  FileUpload,
  Nullable,
  ObjectWithDefaults,
  SchemaRef,
  StringEnum,
  Timestamp,
  Uuid,
} from '../core/schema.ts';
import { DELIMITER_NAMES } from './csv/delimiters.ts';
import { CellFaultSchema } from './csv/faults.ts';
import { DEFAULT_NULL_VALUES } from './csv/null-values.ts';
import { IngestOptionsSchema } from './ingest/new-frame-set.ts';
import { FrameDetailSchema, FramePageSchema, FrameSchema } from './reading/schemas.ts';
import { GapSchema, QualityReportSchema, StepSchema } from './rows/quality.ts';
import { DEFAULT_WIDTH, RESAMPLE_KERNELS } from './rows/resampler.ts';
import { Depth, RowWidth } from './rows/row.ts';

const id = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

const QualitySchema = Type.Object(
  {
    ...QualityReportSchema.properties,
    delimiter: StringEnum(DELIMITER_NAMES, { description: 'The separator of cells.' }),
    faults: Type.Array(SchemaRef(CellFaultSchema), { description: 'The first 100 faults of skipped rows.' }),
    fault_total: Type.Integer(),
  },
  { $id: 'FrameSetQuality', description: 'A report on the quality of the file.' },
);

const frameSetProperties = {
  id: Uuid(),
  name: Type.String(),
  filename: Type.String({ description: 'The name of the uploaded file.' }),
  sha256: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: "SHA-256 of the file's bytes, hexadecimal.",
  }),
  size: Type.Integer({ description: 'Size of the file in bytes.' }),
  rows: Type.Integer({ description: 'Number of frames.' }),
  columns: Type.Integer({ description: 'Pixels per row in the uploaded file.' }),
  width: Type.Integer({ description: 'Pixels per resized row.' }),
  depth_min: Depth(),
  depth_max: Depth(),
  depth_unit: Nullable('string', { examples: ['m'] }),
  value_min: Nullable('integer', { description: 'Minimum grey level; null if all pixels are missing.' }),
  value_max: Nullable('integer', { description: 'Maximum grey level.' }),
  options: SchemaRef(IngestOptionsSchema),
  quality: SchemaRef(QualitySchema),
  created_at: Timestamp(),
  updated_at: Timestamp(),
  frames_url: Type.String({ format: 'uri-reference', examples: [`/frames?frame_set_id=${id}`] }),
  content_url: Nullable('string', {
    format: 'uri-reference',
    description: 'The uploaded file; null if it is not kept.',
    examples: [`/frame-sets/${id}/content`],
  }),
};

const FrameSetSchema = Type.Object(frameSetProperties, {
  $id: 'FrameSet',
  description: 'An uploaded image log.',
});

const FrameSetPageSchema = PageOf('FrameSet', 'A page of frame sets.');

const FrameSetUploadSchema = Type.Object(
  { message: Type.String(), ...frameSetProperties },
  { $id: 'FrameSetUpload', description: 'The result of uploading an image log.' },
);

export type FrameSetResponse = Static<typeof FrameSetSchema>;

const ColormapSchema = Type.Object(
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
      description: 'The colours of levels 0 to 255 as a base64 PNG of 256×16 pixels.',
    }),
  },
  { $id: 'Colormap', description: 'A mapping of grey levels to colours.' },
);

const ColormapListSchema = Type.Object(
  { items: Type.Array(Type.Ref('Colormap')) },
  { $id: 'ColormapList', description: 'The named colour maps. Each also exists reversed, as `NAME_r`.' },
);

/** The multipart body of an upload, for the OpenAPI document only: the body is read as a stream. */
export const UploadLogFormSchema = Type.Object(
  { file: FileUpload({ description: 'A CSV file: `depth,col1,…,colN`.' }) },
  { additionalProperties: false },
);

export const FrameSetListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Only frame sets whose name contains this text, in any case.',
      examples: ['well 7'],
    }),
  ),
});

export const UploadLogQuerySchema = ObjectWithDefaults({
  name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: "Default: the file's name without its extension.",
    }),
  ),
  delimiter: Type.Optional(
    StringEnum(DELIMITER_NAMES, {
      description: 'The separator of cells, by its name or as the character. Default: found from the header.',
    }),
  ),
  depth_column: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'The name of the column of depths. Default: `depth`, `DEPT`, `MD` and the like, with or without a unit.',
      examples: ['TVD'],
    }),
  ),
  null_values: Type.Array(Type.String({ maxLength: 600 }), {
    default: [...DEFAULT_NULL_VALUES],
    maxItems: 16,
    description:
      'Values that mark a missing pixel, in addition to an empty cell. Repeat the parameter or separate values with commas.',
  }),
  on_error: StringEnum(['fail', 'skip'], {
    default: 'fail',
    description: 'Whether a row with a fault fails the upload, or is skipped and reported.',
  }),
  width: RowWidth({ default: DEFAULT_WIDTH, description: 'Pixels of the resized rows.' }),
  kernel: StringEnum(RESAMPLE_KERNELS, { default: 'area', description: 'How rows are resized.' }),
  depth_unit: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 32,
      description: 'Unit of the depths, for display. Default: the one in the header or in the row below it.',
      examples: ['m', 'ft'],
    }),
  ),
  force: Type.Boolean({ default: false, description: 'Store the log even if the same log exists already.' }),
});
export type UploadLogQuery = Static<typeof UploadLogQuerySchema>;

export const FrameParamsSchema = Type.Object(
  {
    id: Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'The id of a frame, from a list of frames.',
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
    description: 'The fields of a frame set that can be changed.',
    examples: [{ name: 'Well 7, run 2', depth_unit: 'm' }],
  },
);

/** The named schemas of this folder, for `addSchema`. */
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
  FramePageSchema,
  FrameDetailSchema,
  ColormapSchema,
  ColormapListSchema,
  FrameSetChangesSchema,
];
