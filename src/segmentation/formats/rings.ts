import { AppError } from '../../core/errors.ts';
import { mismatch, Words } from '../../core/faults.ts';
import type { LabelMap } from '../labels/labels.ts';

/** A closed outline along pixel edges. Its corners are the nodes `first` to `end` − 1; the first is not repeated. */
export interface Ring {
  label: number;
  first: number;
  end: number;
  /** If it is a hole: the exterior ring around it, its topmost (then leftmost) corner and the first node of the edge above that. */
  hole: { exterior: number; corner: number; edgeAbove: number } | null;
}

/**
 * The outlines of all labels. A region of pixels connected by their sides has one exterior ring, clockwise on the screen
 * (positive shoelace area in x, y), and one counterclockwise ring for each hole. Pixel (x, y) covers [x, x + 1] ×
 * [y, y + 1].
 */
export interface Rings {
  /** In raster order of their first top edges. */
  rings: Ring[];
  /** Column and row of each node: corners of pixels, 0 to width and 0 to height. */
  x: Int32Array;
  y: Int32Array;
}

/** Maximum number of corners, to bound the memory that their text takes. */
const MAX_CORNERS = 3_000_000;

/** Steps right, down, left and up, with the pixels ahead on the right and on the left, relative to the next corner. */
const STEPS = [
  { dx: 1, dy: 0, right: [0, 0], left: [0, -1] },
  { dx: 0, dy: 1, right: [-1, 0], left: [0, 0] },
  { dx: -1, dy: 0, right: [-1, -1], left: [-1, 0] },
  { dx: 0, dy: -1, right: [0, -1], left: [-1, -1] },
] as const;

/**
 * Follows every outline of a label map once, with the label always on the right.
 *
 * @throws AppError `output_too_large` for more than `MAX_CORNERS` corners, as in noise
 */
export function traceRings({ width, height, data }: LabelMap): Rings {
  // Each pixel's corner is a node at most once. Memory that is never written to costs nothing.
  const nodeX = new Int32Array(Math.min(MAX_CORNERS, 4 * data.length));
  const nodeY = new Int32Array(nodeX.length);
  let count = 0;
  const rings: Ring[] = [];
  // 1 + the first node of the straight edge that a pixel's top side is part of; 0 if it has not yet been followed.
  const topEdge = new Int32Array(width * height);
  const labelAt = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : (data[y * width + x] as number);

  const follow = (startX: number, startY: number, label: number): Ring => {
    const first = count;
    let x = startX;
    let y = startY;
    let direction = 0;
    let area = 0;
    let corner = first;
    do {
      if (count === MAX_CORNERS) throw tooManyCorners();
      const node = count++;
      nodeX[node] = x;
      nodeY[node] = y;
      const top = nodeY[corner] as number;
      if (y < top || (y === top && x < (nodeX[corner] as number))) corner = node;
      const fromX = x;
      const fromY = y;
      let turn = 0;
      const { dx, dy, right, left } = STEPS[direction] as (typeof STEPS)[number];
      while (turn === 0) {
        if (direction === 0) topEdge[y * width + x] = node + 1;
        x += dx;
        y += dy;
        // Turning right first separates pixels that touch only at a corner.
        if (labelAt(x + right[0], y + right[1]) !== label) turn = 1;
        else if (labelAt(x + left[0], y + left[1]) === label) turn = 3;
      }
      area += fromX * y - x * fromY;
      direction = (direction + turn) & 3;
    } while (x !== startX || y !== startY || direction !== 0);
    const hole = area > 0 ? null : { exterior: -1, corner, edgeAbove: -1 };
    return { label, first, end: count, hole };
  };

  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = data[i] as number;
      if (label === 0 || topEdge[i] !== 0 || labelAt(x, y - 1) === label) continue;
      rings.push(follow(x, y, label));
    }
  }
  const [x, y] = [nodeX.subarray(0, count), nodeY.subarray(0, count)];
  attachHoles(rings, x, y, topEdge, width);
  return { rings, x, y };
}

/** Finds the edge straight above each hole's topmost corner, and with it the exterior ring. */
function attachHoles(rings: Ring[], x: Int32Array, y: Int32Array, topEdge: Int32Array, width: number): void {
  const ringOfNode = (node: number) => {
    let low = 0;
    let high = rings.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((rings[middle] as Ring).first <= node) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const holes = rings.flatMap(({ hole }) => hole ?? []);
  // An edge above belongs to the exterior or to a higher hole, whose exterior is already known.
  holes.sort((a, b) => (y[a.corner] as number) - (y[b.corner] as number));
  for (const hole of holes) {
    let i = ((y[hole.corner] as number) - 1) * width + (x[hole.corner] as number);
    while (topEdge[i] === 0) i -= width;
    hole.edgeAbove = (topEdge[i] as number) - 1;
    const owner = ringOfNode(hole.edgeAbove);
    hole.exterior = (rings[owner] as Ring).hole?.exterior ?? owner;
  }
}

function tooManyCorners(): AppError {
  const expected = `outlines of at most ${MAX_CORNERS} corners (smooth the segments with \`open\`, \`close\` or \`min_area\`, or use \`coco-rle\`)`;
  return new AppError('output_too_large', mismatch('', expected, new Words('more')));
}
