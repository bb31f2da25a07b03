import { Type } from '@sinclair/typebox';
import { SchemaRef } from '../schema.ts';
import { PARAM_SCHEMAS, RESULT_SCHEMAS, Segment, SegmentationResult } from './schemas.ts';

const Segmentation = Type.Object(
  {
    artifact: Type.Ref('Artifact', { description: 'The stored mask; its bytes are the label map.' }),
    segmentation: SchemaRef(SegmentationResult),
  },
  {
    $id: 'Segmentation',
    additionalProperties: false,
    description: 'A stored segmentation with its segments.',
  },
);

const CocoRle = Type.Object(
  {
    size: Type.Array(Type.Integer(), {
      minItems: 2,
      maxItems: 2,
      description: 'Height, then width, in pixels.',
    }),
    counts: Type.Union([Type.String(), Type.Array(Type.Integer())], {
      description:
        'Lengths of runs down the columns, background first: compressed as pycocotools does, or plain.',
    }),
  },
  { $id: 'CocoRle', additionalProperties: false, description: 'A mask as run lengths.' },
);

const CocoAnnotation = Type.Object(
  {
    id: Type.Integer({ description: 'The segment’s label.' }),
    image_id: Type.Integer({ description: 'Always 1.' }),
    category_id: Type.Integer({ description: 'The class, or 1 for components.' }),
    segmentation: Type.Union([SchemaRef(CocoRle), Type.Array(Type.Array(Type.Number()))], {
      description: 'Run lengths, or polygons as x0, y0, x1, y1, …',
    }),
    area: Type.Integer({ description: 'Pixels.' }),
    bbox: Type.Array(Type.Integer(), { minItems: 4, maxItems: 4, description: 'x, y, width, height.' }),
    iscrowd: Type.Literal(0, { description: 'One object.' }),
  },
  { $id: 'CocoAnnotation', additionalProperties: false, description: 'One segment.' },
);

const CocoDocument = Type.Object(
  {
    images: Type.Array(
      Type.Object(
        {
          id: Type.Integer(),
          width: Type.Integer(),
          height: Type.Integer(),
          file_name: Type.String(),
        },
        { additionalProperties: false },
      ),
      { description: 'The one picture.' },
    ),
    categories: Type.Array(
      Type.Object({ id: Type.Integer(), name: Type.String() }, { additionalProperties: false }),
      { description: 'One for each class, or one for all components.' },
    ),
    annotations: Type.Array(SchemaRef(CocoAnnotation), { description: 'One for each segment.' }),
  },
  { $id: 'CocoDocument', additionalProperties: false, description: 'A segmentation in the COCO format.' },
);

const SegmentFeatures = Type.Object(
  {
    type: Type.Literal('FeatureCollection'),
    bbox: Type.Array(Type.Integer(), {
      minItems: 4,
      maxItems: 4,
      description: 'The picture’s extent: left, top, right, bottom.',
    }),
    features: Type.Array(
      Type.Object(
        {
          type: Type.Literal('Feature'),
          id: Type.Integer({ description: 'The segment’s label.' }),
          geometry: Type.Object(
            {
              type: Type.Literal('MultiPolygon'),
              coordinates: Type.Array(Type.Array(Type.Array(Type.Array(Type.Integer())))),
            },
            { additionalProperties: false, description: 'Polygons along pixel edges, with holes.' },
          ),
          properties: SchemaRef(Segment),
        },
        { additionalProperties: false },
      ),
      { description: 'One for each segment.' },
    ),
  },
  {
    $id: 'SegmentFeatures',
    additionalProperties: false,
    description: 'Segments in GeoJSON’s structure (RFC 7946), in pixels: x to the right, y down.',
  },
);

/** The schemas of this slice that have names, for `addSchema`. */
export const SEGMENTATION_SCHEMAS = [
  ...PARAM_SCHEMAS,
  ...RESULT_SCHEMAS,
  Segmentation,
  CocoRle,
  CocoAnnotation,
  CocoDocument,
  SegmentFeatures,
];

const bytes = { schema: {} };

/** What every form of a segmentation is, by media type. */
export const SEGMENTATION_CONTENT = {
  'application/json': { schema: Type.Union([Type.Ref('Segmentation'), Type.Ref('CocoDocument')]) },
  'image/png': bytes,
  'image/webp': bytes,
  'image/jpeg': bytes,
  'application/geo+json': { schema: Type.Ref('SegmentFeatures') },
  'text/csv': { schema: Type.String() },
};
