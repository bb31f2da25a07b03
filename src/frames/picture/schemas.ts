import { type Static, Type } from '@sinclair/typebox';
import { ObjectWithDefaults, StringEnum } from '../../core/schema.ts';
import { listQuery } from '../reading/schemas.ts';
import { RowWidth } from '../rows/row.ts';

export const PICTURE_FORMATS = ['png', 'webp', 'jpeg'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

export const FramePictureQuerySchema = ObjectWithDefaults({
  ...listQuery,
  format: StringEnum([...PICTURE_FORMATS, 'auto'], {
    default: 'png',
    description: 'Format of the picture. `auto`: the one that `Accept` prefers and that supports its size.',
  }),
  height: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description:
        'Rows of the picture, each the average of frames. Default: one row per frame, or as many as a picture in this format may have.',
    }),
  ),
  scale: StringEnum(['rows', 'depth'], {
    default: 'rows',
    description:
      '`rows`: each picture row covers the same number of frames. `depth`: each covers the same range of depths, and gaps stay transparent.',
  }),
});
export type FramePictureQuery = Static<typeof FramePictureQuerySchema>;

const { frame_set_id: _set, ...pictured } = FramePictureQuerySchema.properties;

/** Complete parameters of a picture; its frame sets are inputs. */
export const FramePictureParamsSchema = ObjectWithDefaults({
  ...pictured,
  format: StringEnum(PICTURE_FORMATS),
  width: RowWidth(),
  height: Type.Integer({ minimum: 1 }),
});
export type FramePictureParams = Static<typeof FramePictureParamsSchema>;
