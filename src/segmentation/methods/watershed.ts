import { type Static, Type } from '@sinclair/typebox';
import { parameterError, Words } from '../../core/faults.ts';
import { ObjectWithDefaults, SchemaRef, TaggedUnion } from '../../core/schema.ts';
import { releaseArray } from '../../pictures/release-array.ts';
import { isEdge } from '../labels/labels.ts';
import { squaredDistance } from '../labels/morphology.ts';
import { Point } from '../labels/segment.ts';
import { flood, MAX_SOBEL, sobelMagnitude } from './flood.ts';
import {
  aboveThreshold,
  checkPoints,
  type Found,
  level,
  type Method,
  type MethodInput,
  methodParams,
  points,
  refuseMorphology,
  scalePoint,
} from './method.ts';
import { otsuThreshold } from './otsu.ts';
import { channel, countLevels, extractPlane } from './plane.ts';

const LevelMarkers = ObjectWithDefaults(
  {
    from: Type.Literal('levels', { description: 'Where markers come from.' }),
    low: level('Background is below this level.'),
    high: level('Foreground is above this level.'),
  },
  { $id: 'LevelMarkers', description: 'Two grey levels; pixels between them are flooded.' },
);

/** Default of `min_distance`, in pixels. */
const MIN_DISTANCE = 10;

const DistanceMarkers = ObjectWithDefaults(
  {
    from: Type.Literal('distance', { description: 'Where markers come from.' }),
    threshold: Type.Optional(level('Foreground is above this level. Default: Otsu’s threshold.')),
    min_distance: Type.Integer({
      description: 'Minimum distance, in pixels, between the peaks of two objects.',
      default: MIN_DISTANCE,
      minimum: 1,
      maximum: 10_000,
    }),
  },
  {
    $id: 'DistanceMarkers',
    description:
      'Thresholds the picture and takes the pixels farthest from the background as markers: separates touching objects.',
  },
);

const PointMarkers = ObjectWithDefaults(
  {
    from: Type.Literal('points', { description: 'Where markers come from.' }),
    points: Type.Array(SchemaRef(Point), {
      description: 'One point in each object; its position in the list, from 1, is its class.',
      minItems: 1,
      maxItems: 10_000,
    }),
    background: points('Points of the background.'),
  },
  { $id: 'PointMarkers', description: 'Markers placed by hand.' },
);

const MARKER_SCHEMAS = [LevelMarkers, DistanceMarkers, PointMarkers] as const;

const Markers = TaggedUnion<(typeof MARKER_SCHEMAS)[number]>(
  'from',
  ['levels', 'distance', 'points'],
  MARKER_SCHEMAS,
  { $id: 'WatershedMarkers', description: 'Where flooding starts.' },
);

type Markers = Static<typeof Markers>;

const params = methodParams('watershed', 'Watershed', 'Floods the gradient magnitude (Sobel) from markers.', {
  channel,
  invert: Type.Boolean({
    description: 'Objects are darker than their background: levels are inverted before anything else.',
    default: false,
  }),
  markers: Type.Unsafe<Markers>({
    ...SchemaRef(Markers),
    default: { from: 'distance', min_distance: MIN_DISTANCE },
  }),
});

interface Seeds {
  /** H×W: 0 is unmarked, 1 is background, 2 and up are objects. */
  map: Int32Array;
  objects: number;
  found: Found;
}

/** Regions that grow from markers until they meet. Class 0 is background; objects follow in the markers' order. */
export const watershed: Method<typeof params> = {
  params,
  schemas: [...MARKER_SCHEMAS, Markers],
  check({ markers, ...given }) {
    if (markers.from !== 'levels') refuseMorphology(given);
    else if (markers.low >= markers.high) {
      throw parameterError('/markers/low', `a level below high (${markers.high})`, markers.low);
    }
  },
  checkCoordinates({ markers }, size) {
    if (markers.from !== 'points') return;
    checkPoints('/markers/points', markers.points, size);
    checkPoints('/markers/background', markers.background, size);
  },
  classify(input, given) {
    const { width, height } = input.picture;
    let plane = extractPlane(input.picture, given.channel);
    if (given.invert) plane = plane.map((level) => 255 - level);
    const seeds = placeMarkers(plane, input, given.markers);
    const markers = padded(seeds.map, width, height);
    const gradient = sobelMagnitude(plane, width, height);
    flood(gradient, markers, width, MAX_SOBEL);
    releaseArray(gradient);
    const classes = seeds.objects <= 1 ? new Uint8Array(width * height) : seeds.map;
    for (let y = 0, i = 0; y < height; y++) {
      for (let at = (y + 1) * (width + 2) + 1, x = 0; x < width; x++, i++, at++) {
        // Without any marker, all is background.
        classes[i] = Math.max(0, (markers[at] as number) - 1);
      }
    }
    releaseArray(markers);
    return { classes, found: seeds.found };
  },
};

function placeMarkers(plane: Uint8Array, input: MethodInput, markers: Markers): Seeds {
  if (markers.from === 'levels') return levelMarkers(plane, markers.low, markers.high);
  return markers.from === 'distance' ? distanceMarkers(plane, input, markers) : pointMarkers(input, markers);
}

function levelMarkers(plane: Uint8Array, low: number, high: number): Seeds {
  const map = new Int32Array(plane.length);
  for (let i = 0; i < map.length; i++) {
    const level = plane[i] as number;
    if (level < low) map[i] = 1;
    else if (level > high) map[i] = 2;
  }
  return { map, objects: 1, found: { thresholds: [low, high] } };
}

function pointMarkers(
  input: MethodInput,
  { points, background }: Extract<Markers, { from: 'points' }>,
): Seeds {
  const { width, height } = input.picture;
  const map = new Int32Array(width * height);
  const mark = (path: string, given: { x: number; y: number }, marker: number) => {
    const { x, y } = scalePoint(given, input);
    const at = y * width + x;
    const taken = map[at] as number;
    if (taken !== 0 && taken !== marker) {
      throw parameterError(
        path,
        `a pixel without another marker in the ${width}×${height} picture`,
        new Words(`(${given.x}, ${given.y}), which has one`),
      );
    }
    map[at] = marker;
  };
  for (const [i, point] of background.entries()) mark(`/markers/background/${i}`, point, 1);
  for (const [i, point] of points.entries()) mark(`/markers/points/${i}`, point, i + 2);
  return { map, objects: points.length, found: { markers: points.length } };
}

/**
 * A marker at each peak of the distance to the background of a threshold, more than `min_distance` (along either axis)
 * from all higher ones. Background that does not touch foreground is marked, too.
 */
function distanceMarkers(
  plane: Uint8Array,
  { picture, original, hidden }: MethodInput,
  markers: Extract<Markers, { from: 'distance' }>,
): Seeds {
  const { width, height } = picture;
  const threshold = markers.threshold ?? otsuThreshold(countLevels(plane, hidden));
  const foreground = aboveThreshold(plane, threshold, false);
  const distance = squaredDistance(foreground, width, height, 'background');
  const spacing = Math.max(1, Math.round((markers.min_distance * width) / original.width));
  const map = new Int32Array(plane.length);
  let objects = 0;
  // Without any background, there is one object.
  const peaks =
    distance[0] === Number.POSITIVE_INFINITY ? [0] : spacedPeaks(distance, width, height, spacing);
  for (const peak of peaks) map[peak] = ++objects + 1;
  releaseArray(distance);
  const labels = { width, height, data: foreground };
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (foreground[i] === 0 && !isEdge(labels, x, y, i)) map[i] = 1;
    }
  }
  releaseArray(foreground);
  return { map, objects, found: { thresholds: [threshold], markers: objects } };
}

/** Local maxima (of eight neighbours) above 0 that are more than `spacing` apart, chosen highest first; raster order. */
function spacedPeaks(values: Float32Array, width: number, height: number, spacing: number): number[] {
  const peaks: number[] = [];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if ((values[i] as number) > 0 && isPeak(values, width, height, x, y)) peaks.push(i);
    }
  }
  peaks.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
  // Kept peaks are further apart than a cell is wide, so a cell holds at most one.
  const columns = Math.ceil(width / spacing);
  const cells = new Int32Array(columns * Math.ceil(height / spacing)).fill(-1);
  const kept = peaks.filter((peak) => {
    const x = peak % width;
    const y = (peak - x) / width;
    const column = Math.floor(x / spacing);
    const row = Math.floor(y / spacing);
    for (let r = Math.max(0, row - 1); r <= row + 1; r++) {
      for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
        const other = cells[r * columns + c] ?? -1;
        if (other < 0) continue;
        const dx = Math.abs((other % width) - x);
        const dy = Math.abs(Math.floor(other / width) - y);
        if (Math.max(dx, dy) <= spacing) return false;
      }
    }
    cells[row * columns + column] = peak;
    return true;
  });
  return kept.sort((a, b) => a - b);
}

function isPeak(values: Float32Array, width: number, height: number, x: number, y: number): boolean {
  const value = values[y * width + x] as number;
  for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
    for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
      if ((values[ny * width + nx] as number) > value) return false;
    }
  }
  return true;
}

/** The map with a border of -1 around it. */
function padded(map: Int32Array, width: number, height: number): Int32Array {
  const stride = width + 2;
  const out = new Int32Array(stride * (height + 2)).fill(-1);
  for (let y = 0; y < height; y++) {
    out.set(map.subarray(y * width, (y + 1) * width), (y + 1) * stride + 1);
  }
  return out;
}
