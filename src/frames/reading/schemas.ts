import { type Static, Type } from '@sinclair/typebox';
import { MAX_CURSOR_LENGTH } from '../../core/cursor.ts';
import { ObjectWithDefaults, StringEnum, Uuid } from '../../core/schema.ts';
import { DEFAULT_COLORMAP } from '../rows/colormap.ts';
import { DEFAULT_WINDOW, NORMALIZATIONS } from '../rows/normalize.ts';
import { Depth, RowWidth } from '../rows/row.ts';

const image =
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAMAAADD/I+4AAAABlBMVEUAAAD///+l2Z/dAAAADElEQVR4AQECAP3/AAEAAwACJfqxTgAAAABJRU5ErkJggg==';

const frameProperties = {
  id: Type.Integer(),
  depth: Depth(),
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
export type FrameDetail = Static<typeof FrameDetailSchema>;

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
  source: StringEnum(['resized', 'original'], {
    default: 'resized',
    description: 'Rows as resized, or as uploaded.',
  }),
  width: Type.Optional(RowWidth({ description: 'Pixels of a row, resampled from the originals.' })),
};

export const FrameQuerySchema = ObjectWithDefaults(lookQuery);
export type FrameQuery = Static<typeof FrameQuerySchema>;

/** Which frames, how they look, and how many of them: what all lists of frames take. */
export const listQuery = {
  depth_min: Type.Optional(Depth({ description: 'Least depth, included.' })),
  depth_max: Type.Optional(Depth({ description: 'Greatest depth, included.' })),
  frame_set_id: Type.Optional(Uuid({ description: 'Only frames of this frame set. Default: of all.' })),
  order: StringEnum(['depth', 'file'], {
    default: 'depth',
    description: 'By depth, frame set and row; or by frame set and row.',
  }),
  ...lookQuery,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 100_000,
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
/** Which pixels of a row: at the frame set's width, or as uploaded. */
export type FrameSource = FrameListQuery['source'];
export type FrameOrder = FrameListQuery['order'];

export const FrameExportQuerySchema = ObjectWithDefaults({
  ...listQuery,
  format: StringEnum(['csv', 'ndjson', 'raw'], {
    default: 'csv',
    description:
      '`csv`: depths and grey levels as numbers; `ndjson`: a frame as JSON in each line; `raw`: grey levels, a byte each.',
  }),
});
export type ExportFormat = Static<typeof FrameExportQuerySchema>['format'];
