import { type Static, Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { StringEnum } from '../../core/schema.ts';
import { releaseArray } from '../../pictures/release-array.ts';
import { colorChannels } from '../labels/picture.ts';
import { hexOfRgb, labOfRgb, rgbOfHex, rgbOfLab } from './color-science.ts';
import { type Method, methodParams, refuseMorphology } from './method.ts';
import { classifyByColor, colorOfKey, countColors } from './palette.ts';
import { seededRandom } from './random.ts';

/** Time for a point besides its comparisons with the centres, in comparisons. */
const UPDATE_COST = 5;

/** Maximum comparisons of a point with a centre: 18 s. Of all pictures, only noise exceeds it with the default rounds. */
const MAX_WORK = 6_000_000_000;

const MAX_ITERATIONS = 100;

const params = methodParams(
  'kmeans',
  'Kmeans',
  'Colour clusters by k-means with a k-means++ start. Classes are ordered from dark to light.',
  {
    clusters: Type.Integer({ description: 'Number of clusters.', default: 4, minimum: 2, maximum: 16 }),
    color_space: StringEnum(['lab', 'rgb', 'luminance'], {
      description: 'Colour space in which distances are measured.',
      default: 'lab',
    }),
    seed: Type.Integer({
      description: 'Seed of the random start; equal seeds give equal results.',
      default: 0,
      minimum: 0,
      maximum: 4_294_967_295,
    }),
    max_iterations: Type.Optional(
      Type.Integer({
        description: `Maximum number of rounds; it ends earlier if nothing changes. Multiplied by (clusters + ${UPDATE_COST}) and by the number of different colours, it is at most ${MAX_WORK}: 100 rounds for 6.6 million colours in 4 clusters. Default: ${MAX_ITERATIONS}, or as many as that allows.`,
        minimum: 1,
        maximum: 1000,
      }),
    ),
  },
);

/** Points in three dimensions. */
interface WeightedPoints {
  /** n×3, row-major. */
  coordinates: Float32Array;
  /** Number of pixels at each point. */
  weights: Uint32Array;
}

interface Clustering {
  /** k×3, row-major. */
  centers: Float64Array;
  /** Cluster of each point, 0 to k − 1. */
  assignment: Uint8Array;
  /** Weighted sum of the points' squared distances to their centres. */
  compactness: number;
  iterations: number;
}

/** Number of random starts, each run on a sample of the colours. The most compact one is run on all colours. */
const STARTS = 8;
const SAMPLE = 8192;

/** Iteration ends if no centre moves further than this (squared, in units of the space). */
const EPSILON = 1e-4;

/**
 * Lloyd's k-means from given centres, until no centre moves or `maxIterations` is reached. A cluster that loses all
 * its points takes the point that is furthest from its centre.
 *
 * @param start k×3
 */
export function lloyd(points: WeightedPoints, start: Float64Array, maxIterations: number): Clustering {
  const { coordinates, weights } = points;
  const centers = start.slice();
  const k = centers.length / 3;
  const assigned: Assigned = {
    assignment: new Uint8Array(weights.length),
    distances: new Float64Array(weights.length),
    sums: new Float64Array(k * 3),
    masses: new Float64Array(k),
  };
  const { assignment, distances, sums, masses } = assigned;
  let compactness = assign(points, centers, assigned);
  let iterations = 0;
  while (iterations < maxIterations) {
    iterations++;
    let largestMove = 0;
    for (let cluster = 0; cluster < k; cluster++) {
      const mass = masses[cluster] as number;
      const furthest = mass > 0 ? -1 : takeFurthest(distances);
      let move = 0;
      for (let axis = 0; axis < 3; axis++) {
        const at = cluster * 3 + axis;
        const value = mass > 0 ? (sums[at] as number) / mass : (coordinates[furthest * 3 + axis] as number);
        move += (value - (centers[at] as number)) ** 2;
        centers[at] = value;
      }
      largestMove = Math.max(largestMove, move);
    }
    compactness = assign(points, centers, assigned);
    if (largestMove <= EPSILON) break;
  }
  releaseArray(distances);
  return { centers, assignment, compactness, iterations };
}

interface Assigned {
  /** Cluster of each point. */
  assignment: Uint8Array;
  /** Squared distance of each point to its centre. */
  distances: Float64Array;
  /** Weighted sums of the points of each cluster: k×3. */
  sums: Float64Array;
  /** Sum of the weights of each cluster. */
  masses: Float64Array;
}

/** Assigns each point to the nearest centre (the first of equals); returns the compactness. */
function assign(
  { coordinates, weights }: WeightedPoints,
  centers: Float64Array,
  { assignment, distances, sums, masses }: Assigned,
): number {
  let compactness = 0;
  sums.fill(0);
  masses.fill(0);
  for (let i = 0; i < weights.length; i++) {
    const x = coordinates[i * 3] as number;
    const y = coordinates[i * 3 + 1] as number;
    const z = coordinates[i * 3 + 2] as number;
    let nearest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0, cluster = 0; at < centers.length; at += 3, cluster++) {
      const dx = x - (centers[at] as number);
      const dy = y - (centers[at + 1] as number);
      const dz = z - (centers[at + 2] as number);
      const distance = dx * dx + dy * dy + dz * dz;
      if (distance < least) {
        least = distance;
        nearest = cluster;
      }
    }
    const weight = weights[i] as number;
    assignment[i] = nearest;
    distances[i] = least;
    compactness += least * weight;
    masses[nearest] = (masses[nearest] as number) + weight;
    const at = nearest * 3;
    sums[at] = (sums[at] as number) + weight * x;
    sums[at + 1] = (sums[at + 1] as number) + weight * y;
    sums[at + 2] = (sums[at + 2] as number) + weight * z;
  }
  return compactness;
}

/** Index of the largest distance. It becomes 0, so that the next call gives another point. */
function takeFurthest(distances: Float64Array): number {
  let furthest = 0;
  for (let i = 1; i < distances.length; i++) {
    if ((distances[i] as number) > (distances[furthest] as number)) furthest = i;
  }
  distances[furthest] = 0;
  return furthest;
}

/** Candidates drawn for each centre. The one that leaves the smallest distances is kept. */
const CANDIDATES = 4;

/**
 * k of the points as centres. The probability of each is proportional to its squared distance to those already chosen:
 * D. Arthur, S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding", 2007.
 *
 * @returns k×3
 */
function plusPlusCenters({ coordinates, weights }: WeightedPoints, k: number, random: () => number) {
  const centers = new Float64Array(k * 3);
  let chances = Float64Array.from(weights);
  for (let cluster = 0; cluster < k; cluster++) {
    let best = { point: -1, rest: chances, sum: Number.POSITIVE_INFINITY };
    const candidates = cluster === 0 ? 1 : CANDIDATES;
    for (let candidate = 0; candidate < candidates; candidate++) {
      const point = draw(chances, random());
      const rest = new Float64Array(chances.length);
      let sum = 0;
      const x = coordinates[point * 3] as number;
      const y = coordinates[point * 3 + 1] as number;
      const z = coordinates[point * 3 + 2] as number;
      for (let i = 0; i < rest.length; i++) {
        const dx = (coordinates[i * 3] as number) - x;
        const dy = (coordinates[i * 3 + 1] as number) - y;
        const dz = (coordinates[i * 3 + 2] as number) - z;
        const chance = (dx * dx + dy * dy + dz * dz) * (weights[i] as number);
        // Before the first centre, the chances are weights, not distances.
        rest[i] = cluster === 0 ? chance : Math.min(chance, chances[i] as number);
        sum += rest[i] as number;
      }
      if (sum < best.sum) best = { point, rest, sum };
    }
    centers.set(coordinates.subarray(best.point * 3, best.point * 3 + 3), cluster * 3);
    chances = best.rest;
  }
  return centers;
}

/** An index drawn in proportion to the chances; the last possible one if rounding leaves a rest. */
function draw(chances: Float64Array, share: number): number {
  const total = chances.reduce((a, b) => a + b, 0);
  let rest = share * total;
  let last = 0;
  for (let i = 0; i < chances.length; i++) {
    const chance = chances[i] as number;
    if (chance === 0) continue;
    last = i;
    rest -= chance;
    if (rest < 0) break;
  }
  return last;
}

/** Centres of the most compact of several clusterings of a sample. */
function bestStart(points: WeightedPoints, k: number, random: () => number, maxIterations: number) {
  const sample = everyNth(points, Math.ceil(points.weights.length / Math.max(SAMPLE, k)));
  const run = () => lloyd(sample, plusPlusCenters(sample, k, random), maxIterations);
  const clusterings = Array.from({ length: STARTS }, run);
  return clusterings.reduce((best, next) => (next.compactness < best.compactness ? next : best)).centers;
}

/** Every n-th point. Colours are sorted, so the sample spreads over all of them. */
function everyNth(points: WeightedPoints, step: number): WeightedPoints {
  if (step === 1) return points;
  const size = Math.ceil(points.weights.length / step);
  const coordinates = new Float32Array(size * 3);
  for (let i = 0; i < size; i++) {
    coordinates.set(points.coordinates.subarray(i * step * 3, i * step * 3 + 3), i * 3);
  }
  return { coordinates, weights: points.weights.filter((_, i) => i % step === 0) };
}

type ColorSpace = Static<typeof params>['color_space'];

const COORDINATES: Record<ColorSpace, (red: number, green: number, blue: number) => readonly number[]> = {
  lab: labOfRgb,
  rgb: (...rgb) => rgb,
  luminance: (red, green, blue) => [luminance(red, green, blue), 0, 0],
};

function luminance(red: number, green: number, blue: number): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function hexOfCenter([x = 0, y = 0, z = 0]: readonly number[], space: ColorSpace): string {
  if (space === 'lab') return hexOfRgb(rgbOfLab([x, y, z]));
  return hexOfRgb(space === 'rgb' ? [x, y, z] : [x, x, x]);
}

export const kmeans: Method<typeof params> = {
  params,
  defaults: () => ({ segments: 'classes' }),
  check: refuseMorphology,
  classify({ picture, hidden }, { clusters, color_space, seed, max_iterations }) {
    const isGrey = colorChannels(picture) === 1;
    const palette = countColors(picture, hidden);
    const { keys, counts } = palette;
    // More clusters than colours would be empty.
    const k = Math.min(clusters, keys.length);
    if (k === 0) return { classes: new Uint8Array(picture.width * picture.height), found: { centers: [] } };
    const rounds = roundsFor(keys.length, k, max_iterations);
    const coordinates = new Float32Array(keys.length * 3);
    const toSpace = COORDINATES[color_space];
    keys.forEach((key, i) => {
      coordinates.set(toSpace(...colorOfKey(key, isGrey)), i * 3);
    });
    const points = { coordinates, weights: counts };
    const start = bestStart(points, k, seededRandom(seed), rounds);
    const { centers, assignment, compactness, iterations } = lloyd(points, start, rounds);
    const fromDark = centersFromDark(centers, color_space);
    const labelOf = new Uint8Array(k);
    for (const [index, { cluster }] of fromDark.entries()) labelOf[cluster] = index + 1;
    const classOf = assignment.map((cluster) => labelOf[cluster] as number);
    const classes = classifyByColor(picture, hidden, palette, classOf);
    for (const array of [coordinates, keys, counts, palette.table]) releaseArray(array);
    return {
      classes,
      found: {
        centers: fromDark.map(({ color, values }, index) => ({ label: index + 1, color, values })),
        compactness,
        iterations,
      },
    };
  },
};

/**
 * The maximum number of rounds for a number of colours. Only the default is adapted to it.
 *
 * @throws AppError `validation_failed` if the given number would take too long
 */
export function roundsFor(colors: number, clusters: number, given?: number): number {
  const most = Math.floor(MAX_WORK / (colors * (clusters + UPDATE_COST)));
  if (given === undefined) return Math.max(1, Math.min(MAX_ITERATIONS, most));
  if (given <= most) return given;
  const expected = `an integer from 1 to ${most} with ${colors} colours and ${clusters} clusters`;
  throw parameterError('/max_iterations', expected, given);
}

function centersFromDark(centers: Float64Array, space: ColorSpace) {
  const axes = space === 'luminance' ? 1 : 3;
  const brightness = (hex: string) => luminance(...rgbOfHex(hex));
  return Array.from({ length: centers.length / 3 }, (_, cluster) => ({
    cluster,
    values: [...centers.subarray(cluster * 3, cluster * 3 + axes)],
    color: hexOfCenter([...centers.subarray(cluster * 3, cluster * 3 + 3)], space),
  })).sort((a, b) => brightness(a.color) - brightness(b.color) || a.cluster - b.cluster);
}
