import { type Static, type TSchema, type TUnsafe, Type } from '@sinclair/typebox';
import { SchemaRef } from '../../core/schema.ts';
import { jsonBytes } from '../../work/task-files.ts';
import type { LabelMap } from '../labels/labels.ts';
import type { SegmentationResult } from '../schemas.ts';
import { defineForm } from './form.ts';
import { traceRings } from './rings.ts';
import { columnRuns, compressCounts, rleCounts } from './rle.ts';
import { seamedPolygons } from './seams.ts';

/** A mask as run lengths down the columns, background first. */
function runLengths<Counts extends TSchema>(id: string, counts: Counts) {
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

const CocoPolygons = Type.Array(Type.Array(Type.Number()), {
  description: 'Polygons as x0, y0, x1, y1, …',
});

const CocoImage = Type.Object(
  { id: Type.Integer(), width: Type.Integer(), height: Type.Integer(), file_name: Type.String() },
  { $id: 'CocoImage', additionalProperties: false, description: 'A picture of a COCO document.' },
);

const CocoCategory = Type.Object(
  { id: Type.Integer(), name: Type.String() },
  { $id: 'CocoCategory', additionalProperties: false, description: 'A category of a COCO document.' },
);

/** A COCO document whose annotations have this kind of segmentation. */
function cocoDocument<Segmentation extends TSchema>(id: string, segmentation: Segmentation) {
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
    { $id: `${id}Annotation`, additionalProperties: false, description: 'One segment.' },
  );
  const document = Type.Object(
    {
      images: Type.Array(SchemaRef(CocoImage), { description: 'The one picture.' }),
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

export const COCO_ENCODINGS = ['rle', 'uncompressed_rle', 'polygons'] as const;
export type CocoEncoding = (typeof COCO_ENCODINGS)[number];

interface CocoForm<Name extends string> {
  name: Name;
  id: string;
  title: string;
  encoding: CocoEncoding;
  /** How a segment is encoded, in words. */
  what: string;
  segmentation: TSchema;
}

function cocoForm<const Name extends string>({ encoding, what, segmentation, ...names }: CocoForm<Name>) {
  const { annotation, document } = cocoDocument(names.id, segmentation);
  return defineForm({
    ...names,
    description: `A COCO document: one annotation for each segment, as ${what}. pycocotools decodes exactly its pixels.`,
    version: 1,
    params: Type.Object({}, { additionalProperties: false }),
    suffix: () => '-coco.json',
    mediaType: () => 'application/json',
    bytes: {
      description: 'The document.',
      content: { 'application/json': { schema: Type.Ref(`${names.id}Document`) } },
    },
    schemas: [CocoRle, CocoUncompressedRle, CocoImage, CocoCategory, annotation, document],
    render: async ({ labels, segments, filename }) =>
      jsonBytes(toCoco(await labels(), await segments(), encoding, filename)),
  });
}

export const cocoRleForm = cocoForm({
  name: 'coco-rle',
  id: 'CocoRle',
  title: 'COCO run lengths',
  encoding: 'rle',
  what: 'compressed run lengths',
  segmentation: SchemaRef(CocoRle),
});
export const cocoUncompressedRleForm = cocoForm({
  name: 'coco-uncompressed-rle',
  id: 'CocoUncompressedRle',
  title: 'COCO plain run lengths',
  encoding: 'uncompressed_rle',
  what: 'plain run lengths',
  segmentation: SchemaRef(CocoUncompressedRle),
});
export const cocoPolygonsForm = cocoForm({
  name: 'coco-polygons',
  id: 'CocoPolygons',
  title: 'COCO polygons',
  encoding: 'polygons',
  what: 'polygons',
  segmentation: CocoPolygons,
});

/**
 * The segmentation as a COCO document of one image with one annotation for each segment, whose id is its label.
 * Components are all of one category, classes each of their own. In every encoding, pycocotools decodes exactly the
 * segment's pixels.
 *
 * @param fileName the image's name in the document
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

/** Prepares all labels at once; the function it gives encodes one. */
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
