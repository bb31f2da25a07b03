/** A row-major map of classes: 0 is background, and equal values belong together. */
export type ClassMap = Uint8Array | Uint16Array | Int32Array;

/**
 * Maximal stretches of equal, non-zero values in the rows of a map, in raster order. Everything after the method
 * works on runs, because there are far fewer of them than pixels.
 */
export interface Runs {
  width: number;
  height: number;
  /** Index of each row's first run, and of the end (height + 1 items). */
  rows: Int32Array;
  /** First column of each run. */
  start: Columns;
  /** Column after each run's last one. */
  end: Columns;
  /** Class or label of each run. */
  value: ClassMap;
}

/** Noise has nearly as many runs as pixels, so they are kept small. */
type Columns = Uint16Array | Int32Array;

/** Writes the value of each run into its pixels; a run of value 0 is left as it is. */
export function paintRuns(
  map: ClassMap,
  { width, height, rows, start, end }: Runs,
  values: ArrayLike<number>,
): void {
  for (let y = 0; y < height; y++) {
    const offset = y * width;
    for (let run = rows[y] as number; run < (rows[y + 1] as number); run++) {
      const value = values[run] as number;
      if (value === 0) continue;
      const from = offset + (start[run] as number);
      const to = offset + (end[run] as number);
      // A loop is faster than a call to fill for a short run.
      if (to - from > 16) map.fill(value, from, to);
      else for (let i = from; i < to; i++) map[i] = value;
    }
  }
}

export type Connectivity = 4 | 8;

/** The runs of a map of `width` × `height` values. */
export function extractRuns(map: ClassMap, width: number, height: number): Runs {
  const count = countRuns(map, width, height);
  const rows = new Int32Array(height + 1);
  const newColumns = () => (width <= 65_535 ? new Uint16Array(count) : new Int32Array(count));
  const [start, end] = [newColumns(), newColumns()] as const;
  const value = newMapLike(map, count);
  let run = 0;
  for (let y = 0; y < height; y++) {
    rows[y] = run;
    const offset = y * width;
    let x = 0;
    while (x < width) {
      const current = map[offset + x] as number;
      let next = x + 1;
      while (next < width && map[offset + next] === current) next++;
      if (current !== 0) {
        start[run] = x;
        end[run] = next;
        value[run] = current;
        run++;
      }
      x = next;
    }
  }
  rows[height] = run;
  return { width, height, rows, start, end, value };
}

/** Zeros of the map's type. (`slice` would not copy a Buffer.) */
function newMapLike(map: ClassMap, length: number): ClassMap {
  if (map instanceof Uint8Array) return new Uint8Array(length);
  return map instanceof Uint16Array ? new Uint16Array(length) : new Int32Array(length);
}

/** Number of runs of a map. */
export function countRuns(map: ClassMap, width: number, height: number): number {
  let count = 0;
  for (let y = 0, i = 0; y < height; y++) {
    let previous = 0;
    for (const rowEnd = i + width; i < rowEnd; i++) {
      const current = map[i] as number;
      if (current !== previous) {
        if (current !== 0) count++;
        previous = current;
      }
    }
  }
  return count;
}

export interface Components {
  /** Component of each run, from 1 in raster order of the components' first pixels. */
  label: Int32Array;
  count: number;
  /** Pixels of each component; index 0 is unused. */
  areas: Int32Array;
}

/**
 * Connected components of runs of equal value, by union-find in two passes (Rosenfeld and Pfaltz 1966, on runs as in
 * L. He, Y. Chao, K. Suzuki, "A Run-Based Two-Scan Labeling Algorithm", 2008).
 */
export function connectRuns(runs: Runs, connectivity: Connectivity): Components {
  const { height, rows, start, end, value } = runs;
  const parent = new Int32Array(start.length);
  for (let i = 0; i < parent.length; i++) parent[i] = i;
  const reach = connectivity === 8 ? 1 : 0;
  for (let y = 1; y < height; y++) {
    let above = rows[y - 1] as number;
    const aboveEnd = rows[y] as number;
    const rowEnd = rows[y + 1] as number;
    for (let run = aboveEnd; run < rowEnd; run++) {
      const from = (start[run] as number) - reach;
      const to = (end[run] as number) + reach;
      while (above < aboveEnd && (end[above] as number) <= from) above++;
      for (let other = above; other < aboveEnd && (start[other] as number) < to; other++) {
        if (value[other] === value[run]) unite(parent, other, run);
      }
    }
  }
  return numberComponents(parent, runs);
}

function root(parent: Int32Array, node: number): number {
  let current = node;
  while (parent[current] !== current) {
    const grandparent = parent[parent[current] as number] as number;
    parent[current] = grandparent;
    current = grandparent;
  }
  return current;
}

/** The earlier run becomes the root, so that roots come first in raster order. */
function unite(parent: Int32Array, a: number, b: number): void {
  const rootA = root(parent, a);
  const rootB = root(parent, b);
  if (rootA < rootB) parent[rootB] = rootA;
  else parent[rootA] = rootB;
}

/** The labels take the place of the parents. */
function numberComponents(parent: Int32Array, { start, end }: Runs): Components {
  const label = parent;
  let count = 0;
  for (let run = 0; run < parent.length; run++) {
    // A parent always precedes its child, so it already has its label.
    const above = parent[run] as number;
    label[run] = above === run ? ++count : (label[above] as number);
  }
  const areas = new Int32Array(count + 1);
  for (let run = 0; run < label.length; run++) {
    const component = label[run] as number;
    areas[component] = (areas[component] as number) + (end[run] as number) - (start[run] as number);
  }
  return { label, count, areas };
}
