import { type TSchema, Type } from '@sinclair/typebox';
import { SchemaRef } from '../core/schema.ts';
import { PARAM_SCHEMAS, RESULT_SCHEMAS, Segment } from './schemas.ts';

/** A mask as run lengths down the columns, background first. */
function runLengths(id: string, counts: TSchema) {
  return Type.Object(
    {
      size: Type.Array(Type.Integer(), {
        minItems: 2,
        maxItems: 2,
        description: 'Height, then width, in pixels.',
      }),
      counts,
    },
    { $id: id, additionalProperties: false, description: 'A mask as run lengths.' },
  );
}

const CocoRle = runLengths(
  'CocoRle',
  Type.String({
    description: 'Lengths of runs down the columns, background first, compressed as pycocotools does.',
  }),
);

const CocoUncompressedRle = runLengths(
  'CocoUncompressedRle',
  Type.Array(Type.Integer(), { description: 'Lengths of runs down the columns, background first.' }),
);

/** A COCO document whose annotations have this kind of segmentation: two schemas, the annotation first. */
function cocoDocument(name: string, segmentation: TSchema) {
  const annotation = Type.Object(
    {
      id: Type.Integer({ description: 'The segment’s label.' }),
      image_id: Type.Integer({ description: 'Always 1.' }),
      category_id: Type.Integer({ description: 'The class, or 1 for components.' }),
      segmentation,
      area: Type.Integer({ description: 'Pixels.' }),
      bbox: Type.Array(Type.Integer(), { minItems: 4, maxItems: 4, description: 'x, y, width, height.' }),
      iscrowd: Type.Literal(0, { description: 'One object.' }),
    },
    { $id: `${name}Annotation`, additionalProperties: false, description: 'One segment.' },
  );
  const document = Type.Object(
    {
      images: Type.Array(SchemaRef(CocoImage), { description: 'The one picture.' }),
      categories: Type.Array(SchemaRef(CocoCategory), {
        description: 'One for each class, or one for all components.',
      }),
      annotations: Type.Array(SchemaRef(annotation), { description: 'One for each segment.' }),
    },
    {
      $id: `${name}Document`,
      additionalProperties: false,
      description: 'A segmentation in the COCO format.',
    },
  );
  return [annotation, document];
}

const CocoImage = Type.Object(
  { id: Type.Integer(), width: Type.Integer(), height: Type.Integer(), file_name: Type.String() },
  { $id: 'CocoImage', additionalProperties: false, description: 'A picture of a COCO document.' },
);

const CocoCategory = Type.Object(
  { id: Type.Integer(), name: Type.String() },
  { $id: 'CocoCategory', additionalProperties: false, description: 'A category of a COCO document.' },
);

const COCO_SCHEMAS = [
  CocoRle,
  CocoUncompressedRle,
  CocoImage,
  CocoCategory,
  ...cocoDocument('CocoRle', SchemaRef(CocoRle)),
  ...cocoDocument('CocoUncompressedRle', SchemaRef(CocoUncompressedRle)),
  ...cocoDocument(
    'CocoPolygons',
    Type.Array(Type.Array(Type.Number()), { description: 'Polygons as x0, y0, x1, y1, …' }),
  ),
];

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
export const SEGMENTATION_SCHEMAS = [...PARAM_SCHEMAS, ...RESULT_SCHEMAS, ...COCO_SCHEMAS, SegmentFeatures];
