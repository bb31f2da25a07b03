import { type Static, Type } from '@sinclair/typebox';
import { Nullable, SchemaRef, StringEnum } from '../core/schema.ts';
import { IMAGE_FORMATS } from './formats.ts';

export const GpsSchema = Type.Object(
  {
    latitude: Type.Number({ minimum: -90, maximum: 90, description: 'Decimal degrees, north positive.' }),
    longitude: Type.Number({ minimum: -180, maximum: 180, description: 'Decimal degrees, east positive.' }),
    altitude: Type.Optional(Type.Number({ description: 'Metres above sea level.' })),
  },
  { $id: 'GpsPosition', description: 'Where the picture was taken, according to its EXIF.' },
);

export const ExifSchema = Type.Record(
  Type.String(),
  Type.Union([Type.String({ title: 'Text' }), Type.Number({ title: 'Number' })]),
  {
    description: 'A subset of EXIF, without the position.',
    examples: [{ make: 'Canon', model: 'EOS 40D', iso: 100 }],
  },
);

export const DamagedPageSchema = Type.Object(
  {
    page: Type.Integer({ description: 'Number of the page, from 0.' }),
    reason: Type.String({ description: 'Why it cannot be decoded.' }),
  },
  {
    $id: 'DamagedPage',
    description: 'A page of a TIFF that cannot be decoded. The other pages can be used.',
  },
);

/** What only some files say, apart from the columns of an image. */
const ImageDetailsSchema = Type.Object({
  /** Milliseconds that each page of an animation is shown. */
  delays: Type.Optional(Type.Array(Type.Integer())),
  /** Times an animation plays; 0 means forever. */
  loop: Type.Optional(Type.Integer()),
  is_progressive: Type.Optional(Type.Boolean()),
  has_profile: Type.Optional(Type.Boolean()),
  animation: Type.Optional(Type.Literal('not_read')),
  sample_range: Type.Optional(Type.Array(Type.Number())),
  damaged_pages: Type.Optional(Type.Array(SchemaRef(DamagedPageSchema))),
  exif: Type.Optional(ExifSchema),
  /** Apart from `exif`, so that it is shown only on request. */
  gps: Type.Optional(GpsSchema),
});
export type ImageDetails = Static<typeof ImageDetailsSchema>;

/** What an image's bytes say about it, read by decoding it once in full. */
export const ImageMetadataSchema = Type.Object({
  format: StringEnum(IMAGE_FORMATS, { description: 'Format of the file, detected from its content.' }),
  width: Type.Integer({ description: 'Width of one page in pixels, after EXIF orientation.' }),
  height: Type.Integer({ description: 'Height of one page in pixels, after EXIF orientation.' }),
  channels: Type.Integer({
    description: '1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha or CMYK, 5 CMYK and alpha.',
  }),
  depth: Type.String({
    description: 'Sample format: `uchar` is 8-bit, `ushort` 16-bit.',
    examples: ['uchar'],
  }),
  has_alpha: Type.Boolean({ description: 'Whether the file has an alpha channel.' }),
  pages: Type.Integer({ description: 'Pages of an animation or a TIFF; 1 for a still picture.' }),
  orientation: Nullable('integer', { description: 'EXIF orientation, 1 to 8, if the file has one.' }),
  color_space: Type.String({ description: "Colour space, in libvips' terms.", examples: ['srgb'] }),
  density: Nullable('number', { description: 'Pixels per inch, if the file says so.' }),
  details: ImageDetailsSchema,
});
export type ImageMetadata = Static<typeof ImageMetadataSchema>;

/** What is known about a picture that an operation made. */
export const PictureResultSchema = Type.Pick(
  ImageMetadataSchema,
  ['format', 'width', 'height', 'channels', 'has_alpha', 'pages'],
  {
    $id: 'PictureResult',
    additionalProperties: false,
    description: 'What is known about a picture that an operation made.',
    examples: [{ format: 'jpeg', width: 800, height: 653, channels: 3, has_alpha: false, pages: 1 }],
  },
);
export type PictureResult = Static<typeof PictureResultSchema>;
