import { type ClassMap, type Connectivity, connectRuns, extractRuns, paintRuns } from './components.ts';

/**
 * Squared Euclidean distance of each pixel to the nearest background (0) or foreground, in linear time; Infinity if
 * the map has none. A. Meijster, J. Roerdink, W. Hesselink, "A General Algorithm for Computing Distance Transforms in
 * Linear Time", 2000.
 *
 * @returns H×W, exact up to 2^24
 */
export function squaredDistance(
  map: ClassMap,
  width: number,
  height: number,
  target: 'background' | 'foreground',
): Float32Array {
  const distance = columnDistance(map, width, height, target);
  const column = new Float64Array(width);
  const site = new Int32Array(width);
  const from = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    const offset = y * width;
    let last = -1;
    for (let x = 0; x < width; x++) {
      const g = distance[offset + x] as number;
      column[x] = g * g;
      if (g === Number.POSITIVE_INFINITY) continue;
      // A parabola that the new one beats already at its own beginning is nowhere the lowest.
      let begin = 0;
      while (last >= 0) {
        const other = site[last] as number;
        begin = Math.ceil((x * x - other * other + g * g - (column[other] as number)) / (2 * (x - other)));
        if (begin > (from[last] as number)) break;
        last--;
      }
      if (last < 0) begin = 0;
      if (begin >= width) continue;
      last++;
      site[last] = x;
      from[last] = begin;
    }
    if (last < 0) continue;
    for (let x = width - 1; x >= 0; x--) {
      while (x < (from[last] as number)) last--;
      const other = site[last] as number;
      distance[offset + x] = (x - other) ** 2 + (column[other] as number);
    }
  }
  return distance;
}

/** Distance to the nearest target in the same column. */
function columnDistance(
  map: ClassMap,
  width: number,
  height: number,
  target: 'background' | 'foreground',
): Float32Array {
  const wantsBackground = target === 'background';
  const distance = new Float32Array(width * height);
  for (let i = 0; i < distance.length; i++) {
    if ((map[i] === 0) === wantsBackground) distance[i] = 0;
    else distance[i] = i < width ? Number.POSITIVE_INFINITY : (distance[i - width] as number) + 1;
  }
  for (let i = distance.length - width - 1; i >= 0; i--) {
    const below = (distance[i + width] as number) + 1;
    if (below < (distance[i] as number)) distance[i] = below;
  }
  return distance;
}

/** Keeps only foreground (1) further than `radius` from background, in place; outside the picture is neither. */
function erode(map: Uint8Array, width: number, height: number, radius: number): void {
  const distance = squaredDistance(map, width, height, 'background');
  const limit = radius * radius;
  for (let i = 0; i < map.length; i++) map[i] = (distance[i] as number) > limit ? 1 : 0;
}

/** Makes everything within `radius` of foreground foreground, in place. */
function dilate(map: Uint8Array, width: number, height: number, radius: number): void {
  const distance = squaredDistance(map, width, height, 'foreground');
  const limit = radius * radius;
  for (let i = 0; i < map.length; i++) map[i] = (distance[i] as number) <= limit ? 1 : 0;
}

/** Opens a map of 0 and 1 by the disc x² + y² ≤ radius², in place. */
export function openMask(map: Uint8Array, width: number, height: number, radius: number): void {
  erode(map, width, height, radius);
  dilate(map, width, height, radius);
}

/** Closes a map of 0 and 1 by the disc x² + y² ≤ radius², in place. */
export function closeMask(map: Uint8Array, width: number, height: number, radius: number): void {
  dilate(map, width, height, radius);
  erode(map, width, height, radius);
}

/**
 * Fills each background region that does not reach the border and that only one class surrounds with that class, in
 * place. If foreground is 8-connected, background is 4-connected, and the other way round.
 */
export function fillHoles(map: ClassMap, width: number, height: number, connectivity: Connectivity): void {
  const background = new Uint8Array(map.length);
  for (let i = 0; i < map.length; i++) background[i] = map[i] === 0 ? 1 : 0;
  const runs = extractRuns(background, width, height);
  const { label, count } = connectRuns(runs, connectivity === 8 ? 4 : 8);
  const { rows, start, end } = runs;
  // The class around each region; 0 if not yet seen, -1 if it reaches the border or several classes surround it.
  const around = new Int32Array(count + 1);
  const meet = (region: number, neighbour: number) => {
    if (neighbour === 0) return;
    const seen = around[region] as number;
    around[region] = seen === 0 || seen === neighbour ? neighbour : -1;
  };
  for (let y = 0; y < height; y++) {
    for (let run = rows[y] as number; run < (rows[y + 1] as number); run++) {
      const region = label[run] as number;
      if (around[region] === -1) continue;
      const from = start[run] as number;
      const to = end[run] as number;
      if (y === 0 || y === height - 1 || from === 0 || to === width) {
        around[region] = -1;
        continue;
      }
      const offset = y * width;
      meet(region, map[offset + from - 1] as number);
      meet(region, map[offset + to] as number);
      for (let i = offset + from; i < offset + to; i++) {
        meet(region, map[i - width] as number);
        meet(region, map[i + width] as number);
      }
    }
  }
  const fillings = label.map((region) => Math.max(0, around[region] as number));
  paintRuns(map, runs, fillings);
}
