import { Type } from '@sinclair/typebox';
import { bytesContent } from '../../core/schema.ts';
import type { Segment } from '../labels/segment.ts';
import type { SegmentationResult } from '../schemas.ts';
import { defineForm } from './form.ts';

export const csvForm = defineForm({
  name: 'csv',
  id: 'Csv',
  title: 'Measurements as CSV',
  description: 'The measurements, one row for each segment, with numbers in full precision.',
  version: 1,
  params: Type.Object({}, { additionalProperties: false }),
  suffix: () => '-segments.csv',
  mediaType: () => 'text/csv; charset=utf-8',
  bytes: { description: 'The measurements.', content: bytesContent('text/csv') },
  render: async ({ segments }) => Buffer.from(measurementsToCsv(await segments())),
});

type Column = [name: string, value: (segment: Segment) => number | boolean | undefined];

/** The measurements as CSV (RFC 4180): a header, then a row for each segment. */
export function measurementsToCsv({ segments, color_channels }: SegmentationResult): string {
  const columns: Column[] = [
    ['label', ({ label }) => label],
    ['area', ({ area }) => area],
    ['share', ({ share }) => share],
    ['x', ({ bounding_box }) => bounding_box.x],
    ['y', ({ bounding_box }) => bounding_box.y],
    ['width', ({ bounding_box }) => bounding_box.width],
    ['height', ({ bounding_box }) => bounding_box.height],
    ['centroid_x', ({ centroid }) => centroid.x],
    ['centroid_y', ({ centroid }) => centroid.y],
    ['perimeter', ({ perimeter }) => perimeter],
    ['equivalent_diameter', ({ equivalent_diameter }) => equivalent_diameter],
    ['circularity', ({ circularity }) => circularity],
    ...color_channels.map((name, i): Column => [`mean_${name}`, ({ mean_color }) => mean_color[i]]),
    ...color_channels.map((name, i): Column => [`stdev_${name}`, ({ stdev_color }) => stdev_color[i]]),
    ['touches_border', ({ touches_border }) => touches_border],
    ['holes', ({ holes }) => holes],
  ];
  const header = columns.map(([name]) => name);
  const rows = segments.map((segment) => columns.map(([, value]) => value(segment)));
  return [header, ...rows].map((row) => `${row.join(',')}\r\n`).join('');
}
