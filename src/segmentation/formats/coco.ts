import { type Static, type TSchema, type TUnsafe, Type } from '@sinclair/typebox';
import { IntegerEnum, SchemaRef } from '../../core/schema.ts';
import { jsonBytes } from '../../work/task-files.ts';
import type { LabelMap } from '../labels/labels.ts';
import type { SegmentationResult } from '../schemas.ts';
import { defineForm } from './form.ts';
import { traceRings } from './rings.ts';
import { columnRuns, compressCounts, rleCounts } from './rle.ts';
import { seamedPolygons } from './seams.ts';

function runLengths<Counts extends TSchema>(id: string, counts: Counts) {
  return Type.Object(
    {
      size: Type.Array(Type.Integer(), {
        minItems: 2,
        maxItems: 2,
        description: 'Height and width, in pixels.',
      }),
      counts,
    },
    { $id: id, additionalProperties: false, description: 'A mask as run lengths.' },
  );
}

const CocoRle = runLengths(
  'CocoRle',
  Type.String({
    description: 'Lengths of runs down the columns, background first, compressed as by pycocotools.',
  }),
);

const CocoUncompressedRle = runLengths(
  'CocoUncompressedRle',
  Type.Array(Type.Integer(), { description: 'Lengths of runs down the columns, background first.' }),
);

const CocoPolygons = Type.Array(Type.Array(Type.Number()), {
  description: 'Polygons as x0, y0, x1, y1, …',
});

const CocoImage = Type.Object(
  { id: Type.Integer(), width: Type.Integer(), height: Type.Integer(), file_name: Type.String() },
  { $id: 'CocoImage', additionalProperties: false, description: 'The picture that the document describes.' },
);

const CocoCategory = Type.Object(
  { id: Type.Integer(), name: Type.String() },
  { $id: 'CocoCategory', additionalProperties: false, description: 'A category of a COCO document.' },
);

function cocoDocument<Segmentation extends TSchema>(id: string, segmentation: Segmentation) {
  const annotation = Type.Object(
    {
      id: Type.Integer({ description: 'The segment’s label.' }),
      image_id: Type.Integer({ description: 'Always 1.' }),
      category_id: Type.Integer({ description: 'The class, or 1 for components.' }),
      segmentation,
      area: Type.Integer({ description: 'Number of pixels.' }),
      bbox: Type.Array(Type.Integer(), { minItems: 4, maxItems: 4, description: 'x, y, width, height.' }),
      iscrowd: IntegerEnum([0], { description: 'Always 0, because each annotation is one object.' }),
    },
    { $id: `${id}Annotation`, additionalProperties: false, description: 'One segment.' },
  );
  const document = Type.Object(
    {
      images: Type.Array(SchemaRef(CocoImage), { description: 'The segmented picture.' }),
      categories: Type.Array(SchemaRef(CocoCategory), {
        description: 'One for each class, or one for all components.',
      }),
      annotations: Type.Array(SchemaRef(annotation), { description: 'One for each segment.' }),
    },
    { $id: `${id}Document`, additionalProperties: false, description: 'A segmentation in the COCO format.' },
  );
  return { annotation, document };
}

type CocoSegmentation =
  | Static<typeof CocoRle>
  | Static<typeof CocoUncompressedRle>
  | Static<typeof CocoPolygons>;
export type CocoDocument = Static<ReturnType<typeof cocoDocument<TUnsafe<CocoSegmentation>>>['document']>;

export const COCO_ENCODINGS = ['rle', 'uncompressed-rle', 'polygons'] as const;
export type CocoEncoding = (typeof COCO_ENCODINGS)[number];

/** @param what how a segment is encoded, in words */
function cocoForm<const Encoding extends CocoEncoding>(
  encoding: Encoding,
  id: string,
  what: string,
  segmentation: TSchema,
) {
  const { annotation, document } = cocoDocument(id, segmentation);
  return defineForm({
    name: `coco-${encoding}`,
    id,
    title: `COCO ${what}`,
    description: `A COCO document with one annotation for each segment, as ${what}. pycocotools decodes it to exactly the segment's pixels.`,
    version: 1,
    params: Type.Object({}, { additionalProperties: false }),
    suffix: () => '-coco.json',
    mediaType: () => 'application/json',
    bytes: {
      description: 'The document.',
      content: { 'application/json': { schema: Type.Ref(`${id}Document`) } },
    },
    schemas: [CocoRle, CocoUncompressedRle, CocoImage, CocoCategory, annotation, document],
    showsName: true,
    render: async ({ labels, segments }, { file_name = '' }) =>
      jsonBytes(toCoco(await labels(), await segments(), encoding, file_name)),
  });
}

export const cocoRleForm = cocoForm('rle', 'CocoRle', 'compressed run lengths', SchemaRef(CocoRle));
export const cocoUncompressedRleForm = cocoForm(
  'uncompressed-rle',
  'CocoUncompressedRle',
  'plain run lengths',
  SchemaRef(CocoUncompressedRle),
);
export const cocoPolygonsForm = cocoForm('polygons', 'CocoPolygons', 'polygons', CocoPolygons);

/**
 * The segmentation as a COCO document of one picture. All components are of one category; each class is a category. In
 * every encoding, pycocotools decodes exactly the segment's pixels.
 *
 * @param fileName the picture's name in the document
 */
export function toCoco(
  labels: LabelMap,
  { segments, segmented_by }: SegmentationResult,
  encoding: CocoEncoding,
  fileName: string,
): CocoDocument {
  const encode = encoderOf(labels, encoding);
  const isByClass = segmented_by === 'classes';
  return {
    images: [{ id: 1, width: labels.width, height: labels.height, file_name: fileName }],
    categories: isByClass
      ? segments.map(({ label }) => ({ id: label, name: `class ${label}` }))
      : [{ id: 1, name: 'segment' }],
    annotations: segments.map(({ label, area, bounding_box: { x, y, width, height } }) => ({
      id: label,
      image_id: 1,
      category_id: isByClass ? label : 1,
      segmentation: encode(label),
      area,
      bbox: [x, y, width, height],
      iscrowd: 0,
    })),
  };
}

/** Prepares all labels at once; the returned function encodes one. */
function encoderOf(labels: LabelMap, encoding: CocoEncoding): (label: number) => CocoSegmentation {
  const { width, height } = labels;
  if (encoding === 'polygons') {
    const polygons = seamedPolygons(traceRings(labels));
    return (label) => polygons.get(label) ?? [];
  }
  const runs = columnRuns(labels);
  return (label) => {
    const size = [height, width];
    const counts = rleCounts(runs, label, width * height);
    return encoding === 'rle' ? { size, counts: compressCounts(counts) } : { size, counts };
  };
}
