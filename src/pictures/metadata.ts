import { type Static, Type } from '@sinclair/typebox';
import { Nullable, StringEnum } from '../core/schema.ts';
import { IMAGE_FORMATS } from './formats.ts';

/** Facts about a picture that not every file gives. */
export const ImageDetailsSchema = Type.Object({
  /** Milliseconds that each page of an animation is shown. */
  delays: Type.Optional(Type.Array(Type.Integer())),
  /** How often an animation plays; 0 is for ever. */
  loop: Type.Optional(Type.Integer()),
  is_progressive: Type.Optional(Type.Boolean()),
  has_profile: Type.Optional(Type.Boolean()),
  /** A subset of EXIF: make, model, lens, exposure, f_number, iso, focal_length, taken_at, software, … */
  exif: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]))),
  /** Decimal degrees and metres. Separate from `exif`, because it is shown only on request. */
  gps: Type.Optional(
    Type.Object({
      latitude: Type.Number(),
      longitude: Type.Number(),
      altitude: Type.Optional(Type.Number()),
    }),
  ),
});
export type ImageDetails = Static<typeof ImageDetailsSchema>;

/** The metadata of a picture, read by decoding it once in full. */
export const ImageMetadataSchema = Type.Object({
  format: StringEnum(IMAGE_FORMATS),
  /** Of one page in pixels as it is displayed, after EXIF orientation. */
  width: Type.Integer(),
  height: Type.Integer(),
  /** 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha or CMYK, 5 CMYK and alpha. */
  channels: Type.Integer(),
  /** libvips band format: `uchar` (8-bit), `ushort` (16-bit), `float`, … */
  depth: Type.String(),
  has_alpha: Type.Boolean(),
  /** Pages of an animation or a TIFF; 1 for a still picture. */
  pages: Type.Integer(),
  /** EXIF orientation, 1 to 8, if the file has one. */
  orientation: Nullable('integer'),
  /** libvips interpretation: `srgb`, `b-w`, `cmyk`, `lab`, `rgb16`, … */
  color_space: Type.String(),
  /** Pixels per inch, if the file says so. */
  density: Nullable('number'),
  details: ImageDetailsSchema,
});
export type ImageMetadata = Static<typeof ImageMetadataSchema>;

export const PictureResultSchema = Type.Object(
  {
    format: StringEnum(IMAGE_FORMATS, { description: 'Format of the file.' }),
    width: Type.Integer({ description: 'Width of one page, in pixels.' }),
    height: Type.Integer({ description: 'Height of one page, in pixels.' }),
    channels: Type.Integer({ description: '1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.' }),
    has_alpha: Type.Boolean({ description: 'Whether the file has an alpha channel.' }),
    pages: Type.Integer({ description: 'Pages of an animation; 1 for a still picture.' }),
  },
  {
    $id: 'PictureResult',
    additionalProperties: false,
    description: 'Facts about a picture that was made.',
    examples: [{ format: 'jpeg', width: 800, height: 653, channels: 3, has_alpha: false, pages: 1 }],
  },
);
export type PictureResult = Static<typeof PictureResultSchema>;
