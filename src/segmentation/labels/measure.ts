import type { Connectivity, Runs } from './components.ts';
import type { Labelling } from './labels.ts';
import { colorChannels, type Picture } from './picture.ts';
import type { Segment } from './segment.ts';

/**
 * Measures every label that has pixels.
 *
 * The perimeter is Crofton's formula with four directions (0°, 45°, 90°, 135°), as scikit-image's
 * `perimeter_crofton(directions=4)`; the picture's border counts as an edge. The number of holes is that of components
 * minus the Euler number for the connectivity (S. B. Gray, "Local Properties of Binary Images in Two Dimensions", 1971).
 */
export function measureSegments(
  runs: Runs,
  labelling: Labelling,
  picture: Picture,
  connectivity: Connectivity,
): Segment[] {
  const { width, height } = runs;
  const sums = sumShapes(runs, labelling);
  sumNeighbours(runs, labelling, sums);
  const colors = sumColors(runs, labelling, picture);
  const segments: Segment[] = [];
  for (let label = 1; label <= labelling.count; label++) {
    const area = sums.area[label] as number;
    if (area === 0) continue;
    const left = sums.left[label] as number;
    const right = sums.right[label] as number;
    const top = sums.top[label] as number;
    const bottom = sums.bottom[label] as number;
    const perimeter = croftonPerimeter(sums, label);
    const components = labelling.componentsOf[label] as number;
    segments.push({
      label,
      area,
      share: area / (width * height),
      bounding_box: { x: left, y: top, width: right - left, height: bottom - top },
      centroid: { x: (sums.x[label] as number) / area, y: (sums.y[label] as number) / area },
      perimeter,
      equivalent_diameter: 2 * Math.sqrt(area / Math.PI),
      circularity: Math.min(1, (4 * Math.PI * area) / perimeter ** 2),
      ...colors(label, area),
      touches_border: left === 0 || top === 0 || right === width || bottom === height,
      holes: components - eulerNumber(sums, label, connectivity),
    });
  }
  return segments;
}

type Sums = ReturnType<typeof sumShapes>;

/** Sums over the pixels of each label; index 0 is unused. */
function sumShapes({ width, height, rows, start, end }: Runs, { label, count }: Labelling) {
  const floats = () => new Float64Array(count + 1);
  const sums = {
    area: floats(),
    x: floats(),
    y: floats(),
    left: new Int32Array(count + 1).fill(width),
    right: new Int32Array(count + 1),
    top: new Int32Array(count + 1).fill(height),
    bottom: new Int32Array(count + 1),
    /** Runs of pixels in rows. */
    runs: floats(),
    /** Pairs of pixels, one below the other. */
    below: floats(),
    /** Pairs of pixels that touch at a corner, the right one lower. */
    falling: floats(),
    /** Pairs of pixels that touch at a corner, the right one higher. */
    rising: floats(),
    /** Blocks of 2×2 pixels. */
    blocks: floats(),
    /** Corners that a pixel above and a pixel below share. */
    corners: floats(),
  };
  const { area, x, y, left, right, top, bottom, runs } = sums;
  for (let row = 0; row < height; row++) {
    for (let run = rows[row] as number; run < (rows[row + 1] as number); run++) {
      const l = label[run] as number;
      if (l === 0) continue;
      const from = start[run] as number;
      const to = end[run] as number;
      const length = to - from;
      area[l] = (area[l] as number) + length;
      x[l] = (x[l] as number) + ((from + to - 1) * length) / 2;
      y[l] = (y[l] as number) + row * length;
      runs[l] = (runs[l] as number) + 1;
      if (from < (left[l] as number)) left[l] = from;
      if (to > (right[l] as number)) right[l] = to;
      if (row < (top[l] as number)) top[l] = row;
      bottom[l] = row + 1;
    }
  }
  return sums;
}

/** Counts how far runs of one label overlap those in the row above: straight down, diagonally and at corners. */
function sumNeighbours({ height, rows, start, end }: Runs, { label }: Labelling, sums: Sums): void {
  const { below, falling, rising, blocks, corners } = sums;
  for (let row = 1; row < height; row++) {
    let above = rows[row - 1] as number;
    const aboveEnd = rows[row] as number;
    const rowEnd = rows[row + 1] as number;
    for (let run = aboveEnd; run < rowEnd; run++) {
      const l = label[run] as number;
      const from = start[run] as number;
      const to = end[run] as number;
      while (above < aboveEnd && (end[above] as number) < from) above++;
      if (l === 0) continue;
      for (let other = above; other < aboveEnd && (start[other] as number) <= to; other++) {
        if (label[other] !== l) continue;
        const otherFrom = start[other] as number;
        const otherTo = end[other] as number;
        const shared = Math.min(to, otherTo) - Math.max(from, otherFrom);
        corners[l] = (corners[l] as number) + shared + 1;
        if (shared > 0) {
          below[l] = (below[l] as number) + shared;
          blocks[l] = (blocks[l] as number) + shared - 1;
        }
        const fall = Math.min(to, otherTo + 1) - Math.max(from, otherFrom + 1);
        if (fall > 0) falling[l] = (falling[l] as number) + fall;
        const rise = Math.min(to, otherTo - 1) - Math.max(from, otherFrom - 1);
        if (rise > 0) rising[l] = (rising[l] as number) + rise;
      }
    }
  }
}

/** π/4 times the intercepts with lines in four directions; diagonal lines lie 1/√2 apart. */
function croftonPerimeter(sums: Sums, label: number): number {
  const area = sums.area[label] as number;
  const straight = (sums.runs[label] as number) + area - (sums.below[label] as number);
  const diagonal = 2 * area - (sums.falling[label] as number) - (sums.rising[label] as number);
  return (Math.PI / 4) * (straight + diagonal / Math.SQRT2);
}

/** Components minus holes: vertices − edges + faces of pixel centres (4) or of closed pixels (8), counted by runs. */
function eulerNumber(sums: Sums, label: number, connectivity: Connectivity): number {
  const runs = sums.runs[label] as number;
  const below = sums.below[label] as number;
  return connectivity === 4
    ? runs - below + (sums.blocks[label] as number)
    : runs + below - (sums.corners[label] as number);
}

/** Sums the colours under each label; the returned function gives a label's means and standard deviations. */
function sumColors(runs: Runs, { label, count }: Labelling, picture: Picture) {
  const { width, height, rows, start, end } = runs;
  const { channels, data } = picture;
  const colors = colorChannels(picture);
  // A grey picture's grey is read three times.
  const step = colors === 1 ? 0 : 1;
  const sum = new Float64Array((count + 1) * 3);
  const squares = new Float64Array((count + 1) * 3);
  for (let row = 0; row < height; row++) {
    for (let run = rows[row] as number; run < (rows[row + 1] as number); run++) {
      const l = label[run] as number;
      if (l === 0) continue;
      const from = (row * width + (start[run] as number)) * channels;
      const to = (row * width + (end[run] as number)) * channels;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let q0 = 0;
      let q1 = 0;
      let q2 = 0;
      for (let i = from; i < to; i += channels) {
        const red = data[i] as number;
        const green = data[i + step] as number;
        const blue = data[i + 2 * step] as number;
        s0 += red;
        s1 += green;
        s2 += blue;
        q0 += red * red;
        q1 += green * green;
        q2 += blue * blue;
      }
      const at = l * 3;
      sum[at] = (sum[at] as number) + s0;
      sum[at + 1] = (sum[at + 1] as number) + s1;
      sum[at + 2] = (sum[at + 2] as number) + s2;
      squares[at] = (squares[at] as number) + q0;
      squares[at + 1] = (squares[at + 1] as number) + q1;
      squares[at + 2] = (squares[at + 2] as number) + q2;
    }
  }
  return (l: number, area: number) => {
    const mean_color: number[] = [];
    const stdev_color: number[] = [];
    for (let at = l * 3; at < l * 3 + colors; at++) {
      const mean = (sum[at] as number) / area;
      mean_color.push(mean);
      // All sums are integers below 2^53; only this difference rounds.
      stdev_color.push(Math.sqrt(Math.max(0, (squares[at] as number) / area - mean ** 2)));
    }
    return { mean_color, stdev_color };
  };
}
