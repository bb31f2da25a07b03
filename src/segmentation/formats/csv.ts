import { Type } from '@sinclair/typebox';
import { bytesContent } from '../../core/schema.ts';
import type { SegmentationResult } from '../schemas.ts';
import { defineForm } from './form.ts';

export const csvForm = defineForm({
  name: 'csv',
  id: 'Csv',
  title: 'Measurements as CSV',
  description: 'The measurements, a row for each segment, numbers in full precision.',
  version: 1,
  params: Type.Object({}, { additionalProperties: false }),
  suffix: () => '-segments.csv',
  mediaType: () => 'text/csv; charset=utf-8',
  bytes: { description: 'The measurements.', content: bytesContent('text/csv') },
  render: async ({ segments }) => Buffer.from(measurementsToCsv(await segments())),
});

/** The measurements as CSV (RFC 4180): a header, then a row for each segment; numbers in full precision. */
export function measurementsToCsv({ segments, color_channels }: SegmentationResult): string {
  const header = [
    'label',
    'area',
    'share',
    'x',
    'y',
    'width',
    'height',
    'centroid_x',
    'centroid_y',
    'perimeter',
    'equivalent_diameter',
    'circularity',
    ...color_channels.map((name) => `mean_${name}`),
    ...color_channels.map((name) => `stdev_${name}`),
    'touches_border',
    'holes',
  ];
  const rows = segments.map((segment) => [
    segment.label,
    segment.area,
    segment.share,
    segment.bounding_box.x,
    segment.bounding_box.y,
    segment.bounding_box.width,
    segment.bounding_box.height,
    segment.centroid.x,
    segment.centroid.y,
    segment.perimeter,
    segment.equivalent_diameter,
    segment.circularity,
    ...segment.mean_color,
    ...segment.stdev_color,
    segment.touches_border,
    segment.holes,
  ]);
  return [header, ...rows].map((row) => `${row.join(',')}\r\n`).join('');
}
