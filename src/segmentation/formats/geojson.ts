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
      description: 'Extent of the picture: left, top, right, bottom.',
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
    description: 'Segments in the structure of GeoJSON (RFC 7946), in pixels: x to the right, y down.',
  },
);
type SegmentFeatures = Static<typeof SegmentFeatures>;

export const geojsonForm = defineForm({
  name: 'geojson',
  id: 'Geojson',
  title: 'GeoJSON',
  description: 'Polygons along pixel edges, with holes, in pixels. Their properties are the measurements.',
  version: 2,
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
 * Each segment as polygons along pixel edges, with its measurements as properties. The first ring of a polygon is its
 * exterior, with positive area in (x, y); the others are holes, with negative area. Polygons are valid by OGC 06-103r4, section
 * 6.1.11.1: no ring passes a corner twice, rings touch only in corners, and the inside is connected.
 */
export function toGeoJson(labels: LabelMap, { segments }: SegmentationResult): SegmentFeatures {
  const traced = traceRings(labels);
  const polygons = traced.rings.map((ring) => ({ ring, coordinates: simpleRings(traced, ring) }));
  for (const { ring, coordinates } of polygons) {
    if (ring.hole !== null) polygons[ring.hole.exterior]?.coordinates.push(...coordinates);
  }
  const exteriors = polygons.filter(({ ring }) => ring.hole === null);
  const byLabel = Map.groupBy(exteriors, ({ ring }) => ring.label);
  return {
    type: 'FeatureCollection',
    bbox: [0, 0, labels.width, labels.height],
    features: segments.map((segment) => ({
      type: 'Feature',
      id: segment.label,
      geometry: {
        type: 'MultiPolygon',
        coordinates: (byLabel.get(segment.label) ?? []).map(({ coordinates }) => coordinates),
      },
      properties: segment,
    })),
  };
}

/** More than the corners of a row. */
const MAX_SIDE = 2 ** 26;

/**
 * The parts of a traced outline that pass each corner once, closed. Pixels that touch only at a corner are not connected, so where an
 * exterior touches itself, it surrounds a hole, and where a hole does, it is two: the exterior is the only part with positive area.
 */
function simpleRings({ x, y }: Rings, { first, end }: Ring): Position[][] {
  const rings: Position[][] = [];
  const open: Position[] = [];
  const places = new Map<number, number>();
  const keyOf = ([column = 0, row = 0]: Position) => row * MAX_SIDE + column;
  for (let node = first; node < end; node++) {
    const position = [x[node] as number, y[node] as number];
    const key = keyOf(position);
    const before = places.get(key);
    if (before === undefined) {
      places.set(key, open.length);
      open.push(position);
    } else {
      const inner = open.splice(before + 1);
      for (const passed of inner) places.delete(keyOf(passed));
      rings.push([position, ...inner, position]);
    }
  }
  rings.push([...open, open[0] as Position]);
  return rings.sort((a, b) => Number(area(b) > 0) - Number(area(a) > 0));
}

/** Twice the signed area of a closed ring. */
function area(ring: readonly Position[]): number {
  let sum = 0;
  for (let i = 1; i < ring.length; i += 1) {
    const [[fromX = 0, fromY = 0], [toX = 0, toY = 0]] = [ring[i - 1] ?? [], ring[i] ?? []];
    sum += fromX * toY - toX * fromY;
  }
  return sum;
}
