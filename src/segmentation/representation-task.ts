import { readFile } from 'node:fs/promises';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { encodeBinaryMask } from './formats/binary-mask.ts';
import { type CocoEncoding, toCoco } from './formats/coco.ts';
import { measurementsToCsv } from './formats/csv.ts';
import { toGeoJson } from './formats/geojson.ts';
import { readLabelMap } from './formats/label-map.ts';
import { encodeOverlay } from './formats/overlay.ts';
import { readPicture } from './read-picture.ts';
import type { DerivedRepresentation } from './representation.ts';
import type { SegmentationResult } from './schemas.ts';
import { type WrittenFile, writeNew } from './task.ts';

/** What an image process needs to give a stored segmentation another form. */
export interface RepresentationTask {
  representation: DerivedRepresentation;
  /** Both written by `runSegmentation`. */
  labelMapPath: string;
  documentPath: string;
  /** The picture that was segmented, for an overlay. */
  picture: { source: SourceFile; page: number } | null;
  /** The picture's name. */
  filename: string;
  outputPath: string;
  limits: ImageLimits;
}

/**
 * Writes a stored segmentation in another form.
 *
 * @throws AppError `validation_failed` for a label that is not there, `output_too_large`, what `readPicture` throws
 */
export async function runRepresentation(task: RepresentationTask): Promise<WrittenFile> {
  return writeNew(task.outputPath, await render(task));
}

async function render(task: RepresentationTask): Promise<Buffer> {
  const { representation, picture, labelMapPath, filename } = task;
  const { format } = representation;
  switch (format) {
    case 'mask':
      return encodeBinaryMask(await readLabelMap(labelMapPath), representation.label);
    case 'overlay':
      if (picture === null) throw new Error('An overlay lies on a picture.');
      return encodeOverlay(
        await readPicture(picture.source, picture.page, task.limits),
        await readLabelMap(labelMapPath),
        representation,
        representation.overlay_format,
      );
    case 'csv':
      return Buffer.from(measurementsToCsv(await readResult(task)));
    case 'geojson':
      return jsonBytes(toGeoJson(await readLabelMap(labelMapPath), await readResult(task)));
    default: {
      const labels = await readLabelMap(labelMapPath);
      return jsonBytes(toCoco(labels, await readResult(task), COCO_ENCODING[format], filename));
    }
  }
}

const COCO_ENCODING: Record<`coco_${CocoEncoding}`, CocoEncoding> = {
  coco_rle: 'rle',
  coco_uncompressed_rle: 'uncompressed_rle',
  coco_polygons: 'polygons',
};

async function readResult({ documentPath }: RepresentationTask): Promise<SegmentationResult> {
  return JSON.parse(await readFile(documentPath, 'utf8'));
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
