import { type Static, Type } from '@sinclair/typebox';
import { MAX_CURSOR_LENGTH, PageOf, PageQuery } from '../../core/cursor.ts';
import { ObjectWithDefaults, StringEnum, Uuid } from '../../core/schema.ts';
import { DEFAULT_COLORMAP } from '../rows/colormap.ts';
import { DEFAULT_WINDOW, NORMALIZATIONS } from '../rows/normalize.ts';
import { Depth, RowWidth } from '../rows/row.ts';

const image =
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAMAAADD/I+4AAAABlBMVEUAAAD///+l2Z/dAAAADElEQVR4AQECAP3/AAEAAwACJfqxTgAAAABJRU5ErkJggg==';

const frameProperties = {
  id: Type.Integer(),
  frame_set_id: Uuid(),
  depth: Depth(),
  width: Type.Integer({ examples: [150] }),
  height: Type.Integer({ description: 'Always 1.', examples: [1] }),
  image: Type.String({ contentEncoding: 'base64', contentMediaType: 'image/png', examples: [image] }),
};

export const FrameSchema = Type.Object(frameProperties, {
  $id: 'Frame',
  description: 'One row of an image log as a picture one pixel high.',
});

export const FramePageSchema = PageOf('Frame', 'A page of frames.');

export const FrameDetailSchema = Type.Object(
  {
    ...frameProperties,
    row: Type.Integer({ description: 'Row number in the file, counted from 1 after the header.' }),
  },
  { $id: 'FrameDetail', description: 'One frame and its place in a frame set.' },
);
export type FrameDetail = Static<typeof FrameDetailSchema>;

const frameSetQuery = {
  frame_set_id: Type.Optional(
    Type.Array(Uuid(), {
      minItems: 1,
      maxItems: 100,
      description:
        'Only frames of this frame set. Repeat it to mix several. Default: all frame sets, unless that would mix them in one picture or table.',
    }),
  ),
};

const lookQuery = {
  colormap: Type.String({
    default: DEFAULT_COLORMAP,
    maxLength: 8192,
    description:
      'A name (`GET /colormaps`), with `_r` after it to reverse the map, or stops: `0:#000000,255:#ffffff`, also with names of CSS colours.',
  }),
  normalization: StringEnum(NORMALIZATIONS, {
    default: 'none',
    description:
      'How grey levels are stretched to 0–255. `none`: not at all; `static`: from the minimum to the maximum of the frame set; `dynamic`: from the minimum to the maximum of a depth window around each row.',
  }),
  window: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1e9,
    default: DEFAULT_WINDOW,
    description: 'Height of the window of `dynamic`, in depth units.',
  }),
  source: StringEnum(['resized', 'original'], {
    default: 'resized',
    description: 'Show rows as resized or as uploaded.',
  }),
  width: Type.Optional(RowWidth({ description: 'Pixels per row; rows are resampled from the originals.' })),
};

export const FrameQuerySchema = ObjectWithDefaults(lookQuery);

export const NearestFrameQuerySchema = ObjectWithDefaults({
  depth: Depth({ description: 'The depth to look for.' }),
  ...frameSetQuery,
  ...lookQuery,
});
export type FrameQuery = Static<typeof FrameQuerySchema>;

/** Parameters of all lists of frames. */
export const listQuery = {
  depth_min: Type.Optional(Depth({ description: 'Minimum depth (inclusive).' })),
  depth_max: Type.Optional(Depth({ description: 'Maximum depth (inclusive).' })),
  ...frameSetQuery,
  order: StringEnum(['depth', 'file'], {
    default: 'depth',
    description: 'By depth, frame set and row; or by frame set and row.',
  }),
  ...lookQuery,
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100_000, description: 'Maximum number of frames. Default: all.' }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: MAX_CURSOR_LENGTH,
      description: 'Where to continue: from the `Link` header of the previous page.',
    }),
  ),
};

export const FrameListQuerySchema = ObjectWithDefaults(listQuery);

const { frame_set_id: _ofPath, limit: _unbounded, ...pageQuery } = listQuery;

/** Parameters of a page of the frames of one frame set. */
export const FramePageQuerySchema = ObjectWithDefaults({ ...pageQuery, ...PageQuery });
export type FrameListQuery = Static<typeof FrameListQuerySchema>;
export type FrameSource = FrameListQuery['source'];
export type FrameOrder = FrameListQuery['order'];

export const FrameExportQuerySchema = ObjectWithDefaults({
  ...listQuery,
  format: StringEnum(['csv', 'ndjson', 'raw'], {
    default: 'csv',
    description:
      '`csv`: depths and grey levels as numbers; `ndjson`: one frame as JSON per line; `raw`: grey levels, one byte each.',
  }),
});
export type ExportFormat = Static<typeof FrameExportQuerySchema>['format'];
