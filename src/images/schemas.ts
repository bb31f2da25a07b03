import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '../core/cursor.ts';
import { Nullable, ObjectWithDefaults, StringEnum, Timestamp, Uuid } from '../core/schema.ts';
import { IMAGE_FORMATS } from '../pictures/formats.ts';

const id = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

const GpsSchema = Type.Object(
  {
    latitude: Type.Number({ minimum: -90, maximum: 90, description: 'Decimal degrees, north positive.' }),
    longitude: Type.Number({ minimum: -180, maximum: 180, description: 'Decimal degrees, east positive.' }),
    altitude: Type.Optional(Type.Number({ description: 'Metres above sea level.' })),
  },
  { $id: 'GpsPosition', description: 'Where the picture was taken, as its EXIF says.' },
);

export const ImageSchema = Type.Object(
  {
    id: Uuid(),
    filename: Type.String({ description: 'The name it was uploaded or renamed with.' }),
    format: StringEnum(IMAGE_FORMATS, { description: 'Read from the bytes.' }),
    media_type: Type.String({ examples: ['image/jpeg'] }),
    size: Type.Integer({ description: 'Bytes.' }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the bytes, hexadecimal.' }),
    width: Type.Integer({ description: 'Pixels of one frame as it is seen, after EXIF orientation.' }),
    height: Type.Integer({ description: 'Pixels of one frame as it is seen, after EXIF orientation.' }),
    channels: Type.Integer({
      description: '1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha or CMYK, 5 CMYK and alpha.',
    }),
    depth: Type.String({
      description: 'Sample format: `uchar` is 8-bit, `ushort` 16-bit.',
      examples: ['uchar'],
    }),
    has_alpha: Type.Boolean(),
    pages: Type.Integer({ description: 'Frames of an animation, pages of a TIFF; 1 for a still picture.' }),
    orientation: Nullable('integer', { description: 'EXIF orientation, 1 to 8.' }),
    color_space: Type.String({
      description: 'How the samples are meant, in the terms of libvips.',
      examples: ['srgb'],
    }),
    density: Nullable('number', { description: 'Pixels per inch, where the file says so.' }),
    has_profile: Type.Boolean({ description: 'An ICC profile is embedded.' }),
    is_progressive: Type.Boolean(),
    delays: Type.Unsafe<number[] | null>({
      type: ['array', 'null'],
      items: { type: 'integer' },
      description: 'Milliseconds each frame of an animation is shown.',
    }),
    loop: Nullable('integer', { description: 'Times an animation plays; 0 is for ever.' }),
    exif: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]), {
      description: 'A subset of EXIF, without the position.',
      examples: [{ make: 'Canon', model: 'EOS 40D', iso: 100 }],
    }),
    gps: Type.Optional(Type.Ref('GpsPosition')),
    created_at: Timestamp(),
    updated_at: Timestamp(),
    content_url: Type.String({ format: 'uri-reference', examples: [`/images/${id}/content`] }),
  },
  {
    $id: 'Image',
    description: 'An uploaded original.',
    examples: [
      {
        id,
        filename: 'photo.jpg',
        format: 'jpeg',
        media_type: 'image/jpeg',
        size: 829183,
        sha256: '8a5c0f0f7a3b0f4c1d0e9b8a7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d',
        width: 2725,
        height: 2225,
        channels: 3,
        depth: 'uchar',
        has_alpha: false,
        pages: 1,
        orientation: 1,
        color_space: 'srgb',
        density: 72,
        has_profile: false,
        is_progressive: false,
        delays: null,
        loop: null,
        exif: { make: 'Canon', model: 'EOS 40D', iso: 100 },
        created_at: '2026-11-20T09:30:00.000Z',
        updated_at: '2026-11-20T09:30:00.000Z',
        content_url: `/images/${id}/content`,
      },
    ],
  },
);

const ImagePageSchema = PageOf('Image', 'A page of images.');

const IMAGE_SORTS = ['-created_at', 'created_at', 'filename', '-filename', 'size', '-size'] as const;
export type ImageSort = (typeof IMAGE_SORTS)[number];

const includeGps = Type.Boolean({
  default: false,
  description: 'Show the position that EXIF gives, where there is one.',
});

export const ImageListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  sort: StringEnum(IMAGE_SORTS, { default: '-created_at', description: 'Order; `-` is descending.' }),
  format: Type.Optional(
    Type.Array(StringEnum(IMAGE_FORMATS), {
      maxItems: IMAGE_FORMATS.length,
      description: 'Only these formats; may be given several times.',
    }),
  ),
  uploaded_after: Type.Optional(Timestamp({ description: 'Only images uploaded at or after this time.' })),
  uploaded_before: Type.Optional(Timestamp({ description: 'Only images uploaded before this time.' })),
  name_contains: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Only images whose file name contains this, in any case.',
    }),
  ),
  include_gps: includeGps,
});
export type ImageListQuery = Static<typeof ImageListQuerySchema>;

export const ImageQuerySchema = ObjectWithDefaults({ include_gps: includeGps });

export const ImageChangesSchema = Type.Object(
  {
    filename: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'The new name. What a file name may not hold is removed.',
      }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    $id: 'ImageChanges',
    description: 'The fields of an image that can be changed.',
    examples: [{ filename: 'core-box-12.jpg' }],
  },
);

export type ImageChanges = Static<typeof ImageChangesSchema>;

export type ImageResponse = Omit<Static<typeof ImageSchema>, 'gps'> & { gps?: Static<typeof GpsSchema> };
/** The schemas that have names, for `addSchema`. */
export const IMAGE_SCHEMAS = [GpsSchema, ImageSchema, ImagePageSchema, ImageChangesSchema];
