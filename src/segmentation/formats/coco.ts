import { Type } from '@sinclair/typebox';
import { jsonBytes } from '../../work/task-files.ts';
import type { LabelMap } from '../labels/labels.ts';
import type { SegmentationResult } from '../schemas.ts';
import { defineForm } from './form.ts';
import { traceRings } from './rings.ts';
import { columnRuns, compressCounts, rleCounts } from './rle.ts';
import { seamedPolygons } from './seams.ts';

declare module '../../work/operation.ts' {
  interface Operations {
    'mask-coco-rle': typeof cocoRleForm;
    'mask-coco-uncompressed-rle': typeof cocoUncompressedRleForm;
    'mask-coco-polygons': typeof cocoPolygonsForm;
  }
}

export const COCO_ENCODINGS = ['rle', 'uncompressed_rle', 'polygons'] as const;
export type CocoEncoding = (typeof COCO_ENCODINGS)[number];

function cocoForm<const Name extends string>(
  name: Name,
  id: string,
  title: string,
  encoding: CocoEncoding,
  what: string,
  schema: 'CocoRleDocument' | 'CocoUncompressedRleDocument' | 'CocoPolygonsDocument',
) {
  return defineForm({
    name,
    id,
    title,
    description: `A COCO document: one annotation for each segment, as ${what}. pycocotools decodes exactly its pixels.`,
    version: 1,
    params: Type.Object({}, { additionalProperties: false }),
    suffix: () => '-coco.json',
    mediaType: () => 'application/json',
    bytes: { description: 'The document.', content: { 'application/json': { schema: Type.Ref(schema) } } },
    render: async ({ labels, segments, filename }) =>
      jsonBytes(toCoco(await labels(), await segments(), encoding, filename)),
  });
}

export const cocoRleForm = cocoForm(
  'coco-rle',
  'CocoRle',
  'COCO run lengths',
  'rle',
  'compressed run lengths',
  'CocoRleDocument',
);
export const cocoUncompressedRleForm = cocoForm(
  'coco-uncompressed-rle',
  'CocoUncompressedRle',
  'COCO plain run lengths',
  'uncompressed_rle',
  'plain run lengths',
  'CocoUncompressedRleDocument',
);
export const cocoPolygonsForm = cocoForm(
  'coco-polygons',
  'CocoPolygons',
  'COCO polygons',
  'polygons',
  'polygons',
  'CocoPolygonsDocument',
);

/** A mask as run lengths in column-major order; `size` is height, then width. */
export interface Rle<Counts = string | number[]> {
  size: [number, number];
  counts: Counts;
}

export interface CocoAnnotation {
  id: number;
  image_id: number;
  category_id: number;
  segmentation: Rle | number[][];
  area: number;
  /** x, y, width, height. */
  bbox: [number, number, number, number];
  iscrowd: 0;
}

export interface CocoDocument {
  images: { id: number; width: number; height: number; file_name: string }[];
  categories: { id: number; name: string }[];
  annotations: CocoAnnotation[];
}

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
function encoderOf(
  labels: LabelMap,
  encoding: CocoEncoding,
): (label: number) => CocoAnnotation['segmentation'] {
  const { width, height } = labels;
  if (encoding === 'polygons') {
    const polygons = seamedPolygons(traceRings(labels));
    return (label) => polygons.get(label) ?? [];
  }
  const runs = columnRuns(labels);
  return (label) => {
    const counts = rleCounts(runs, label, width * height);
    return { size: [height, width], counts: encoding === 'rle' ? compressCounts(counts) : counts };
  };
}
