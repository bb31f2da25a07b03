import { type Static, Type } from '@sinclair/typebox';
import { SchemaRef } from '../../core/schema.ts';
import { jsonBytes } from '../../work/task-files.ts';
import type { LabelMap } from '../labels/labels.ts';
import { Segment } from '../labels/segment.ts';
import type { SegmentationResult } from '../schemas.ts';
import { defineForm } from './form.ts';
import { type Ring, type Rings, traceRings } from './rings.ts';

const Position = Type.Array(Type.Integer());
type Position = Static<typeof Position>;

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
              coordinates: Type.Array(Type.Array(Type.Array(Position))),
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
type SegmentFeatures = Static<typeof SegmentFeatures>;

export const geojsonForm = defineForm({
  name: 'geojson',
  id: 'Geojson',
  title: 'GeoJSON',
  description: 'Polygons along pixel edges, with holes, in pixels; the measurements are their properties.',
  version: 1,
  params: Type.Object({}, { additionalProperties: false }),
  suffix: () => '-segments.geojson',
  mediaType: () => 'application/geo+json',
  bytes: {
    description: 'The segments as features.',
    content: { 'application/geo+json': { schema: Type.Ref('SegmentFeatures') } },
  },
  schemas: [SegmentFeatures],
  render: async ({ labels, segments }) => jsonBytes(toGeoJson(await labels(), await segments())),
});

/**
 * Each segment as polygons along pixel edges, with their holes, and its measurements as properties. Rings are closed;
 * the first of a polygon is its exterior, with positive area in (x, y), the others are holes, with negative area.
 */
export function toGeoJson(labels: LabelMap, { segments }: SegmentationResult): SegmentFeatures {
  const traced = traceRings(labels);
  const polygonOf = new Map<number, Position[][]>();
  const polygonsOf = new Map<number, Position[][][]>();
  traced.rings.forEach((ring, index) => {
    if (ring.hole !== null) return;
    const polygon = [closedRing(traced, ring)];
    polygonOf.set(index, polygon);
    const others = polygonsOf.get(ring.label);
    if (others === undefined) polygonsOf.set(ring.label, [polygon]);
    else others.push(polygon);
  });
  for (const ring of traced.rings) {
    if (ring.hole !== null) polygonOf.get(ring.hole.exterior)?.push(closedRing(traced, ring));
  }
  return {
    type: 'FeatureCollection',
    bbox: [0, 0, labels.width, labels.height],
    features: segments.map((segment) => ({
      type: 'Feature',
      id: segment.label,
      geometry: { type: 'MultiPolygon', coordinates: polygonsOf.get(segment.label) ?? [] },
      properties: segment,
    })),
  };
}

function closedRing({ x, y }: Rings, { first, end }: Ring): Position[] {
  const positions: Position[] = [];
  for (let node = first; node < end; node++) positions.push([x[node] as number, y[node] as number]);
  positions.push([x[first] as number, y[first] as number]);
  return positions;
}
