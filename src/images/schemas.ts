import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '../core/cursor.ts';
import {
  Nullable,
  NullableEnum,
  ObjectWithDefaults,
  SchemaRef,
  StringEnum,
  Timestamp,
  Uuid,
} from '../core/schema.ts';
import { IMAGE_FORMATS } from '../pictures/formats.ts';
import { DamagedPageSchema, ExifSchema, GpsSchema, ImageMetadataSchema } from '../pictures/metadata.ts';

const id = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

const { format, details: _, ...measures } = ImageMetadataSchema.properties;

export const ImageSchema = Type.Object(
  {
    id: Uuid(),
    filename: Type.String({ description: 'The name given at upload or by renaming.' }),
    format,
    media_type: Type.String({ examples: ['image/jpeg'] }),
    size: Type.Integer({ description: 'Size of the file in bytes.' }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the file, hexadecimal.' }),
    ...measures,
    has_profile: Type.Boolean({ description: 'Whether an ICC profile is embedded.' }),
    is_progressive: Type.Boolean(),
    delays: Type.Unsafe<number[] | null>({
      type: ['array', 'null'],
      items: { type: 'integer' },
      description: 'Milliseconds that each page of an animation is shown.',
    }),
    loop: Nullable('integer', { description: 'Number of times the animation plays; 0 means forever.' }),
    animation: NullableEnum(['not_read'], {
      description:
        '`not_read`: the file is an animation in a format of which only one picture is read (APNG, AVIF). Otherwise null.',
    }),
    sample_range: Type.Unsafe<number[] | null>({
      type: ['array', 'null'],
      items: { type: 'number' },
      description:
        'The samples that are shown as black and as white, for a TIFF whose samples are not unsigned integers of up to 16 bits. Otherwise null.',
    }),
    damaged_pages: Type.Array(SchemaRef(DamagedPageSchema), {
      description: 'The pages of a TIFF that cannot be decoded.',
    }),
    exif: ExifSchema,
    gps: Type.Optional(SchemaRef(GpsSchema)),
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
        animation: null,
        sample_range: null,
        damaged_pages: [],
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
  description: 'Include the position, if the EXIF data has one.',
});

const IMAGE_FILTER = {
  format: Type.Optional(
    Type.Array(StringEnum(IMAGE_FORMATS), {
      maxItems: IMAGE_FORMATS.length,
      description: 'Only images of these formats; may be repeated.',
    }),
  ),
  uploaded_after: Type.Optional(Timestamp({ description: 'Only images uploaded at or after this time.' })),
  uploaded_before: Type.Optional(Timestamp({ description: 'Only images uploaded before this time.' })),
  name_contains: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Only images whose file name contains this text, ignoring case.',
    }),
  ),
};

export const ImageListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  sort: StringEnum(IMAGE_SORTS, {
    default: '-created_at',
    description: 'Order of the list; `-` means descending.',
  }),
  ...IMAGE_FILTER,
  include_gps: includeGps,
});
export type ImageListQuery = Static<typeof ImageListQuerySchema>;

/** The same filter in a body. */
export const ImageFilterSchema = ObjectWithDefaults(
  {
    ...IMAGE_FILTER,
    format: Type.Optional(
      Type.Array(StringEnum(IMAGE_FORMATS), {
        maxItems: IMAGE_FORMATS.length,
        description: 'Only images of these formats.',
      }),
    ),
  },
  {
    $id: 'ImageFilter',
    description: 'Selects images as `GET /images` does. An empty object selects all of them.',
    examples: [{ name_contains: 'core-box', uploaded_after: '2026-11-20T00:00:00Z' }],
  },
);
export type ImageFilter = Static<typeof ImageFilterSchema>;

export const ImageQuerySchema = ObjectWithDefaults({ include_gps: includeGps });

export const ImageChangesSchema = Type.Object(
  {
    filename: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'The new name. Characters that a file name cannot contain are removed.',
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

export type ImageResponse = Static<typeof ImageSchema>;

/** The named schemas, for `addSchema`. */
export const IMAGE_SCHEMAS = [
  GpsSchema,
  DamagedPageSchema,
  ImageSchema,
  ImagePageSchema,
  ImageChangesSchema,
  ImageFilterSchema,
];
