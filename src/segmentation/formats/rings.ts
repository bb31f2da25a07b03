import { AppError } from '../../core/errors.ts';
import { mismatch, Words } from '../../core/faults.ts';
import type { LabelMap } from '../labels/labels.ts';

/** One closed line along pixel edges. Its corners are nodes `first` to `end` − 1, without repeating the first. */
export interface Ring {
  label: number;
  first: number;
  end: number;
  /** Of a hole: the exterior ring around it, its topmost (then leftmost) corner, and the straight edge above that. */
  hole: { exterior: number; corner: number; edgeAbove: number } | null;
}

/**
 * The outlines of all labels. A region of pixels connected by their sides has one exterior ring, clockwise as seen
 * (positive shoelace area in x, y), and one ring the other way round for each hole. Pixel (x, y) covers [x, x + 1] ×
 * [y, y + 1].
 */
export interface Rings {
  /** In raster order of their first top edges. */
  rings: Ring[];
  /** Column and row of each node: corners of pixels, 0 to width and 0 to height. */
  x: Int32Array;
  y: Int32Array;
}

/** Most corners that are followed, to bound the memory that their text takes while it is written. */
const MAX_CORNERS = 3_000_000;

/** Steps right, down, left and up, with the pixels ahead at the right and left hand, from the corner stepped to. */
const STEPS = [
  { dx: 1, dy: 0, right: [0, 0], left: [0, -1] },
  { dx: 0, dy: 1, right: [-1, 0], left: [0, 0] },
  { dx: -1, dy: 0, right: [-1, -1], left: [-1, 0] },
  { dx: 0, dy: -1, right: [0, -1], left: [-1, -1] },
] as const;

/**
 * Follows every outline of a label map once, with the label always at the right hand.
 *
 * @throws AppError `output_too_large` for more than `MAX_CORNERS` corners, as noise has them
 */
export function traceRings({ width, height, data }: LabelMap): Rings {
  const nodes = new NodeList();
  const rings: Ring[] = [];
  // 1 + the node that begins the straight edge that a pixel's top side is part of; 0 where it is not followed yet.
  const topEdge = new Int32Array(width * height);
  const labelAt = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : (data[y * width + x] as number);

  const follow = (startX: number, startY: number, label: number): Ring => {
    const first = nodes.count;
    let x = startX;
    let y = startY;
    let direction = 0;
    let area = 0;
    let corner = first;
    do {
      const node = nodes.add(x, y);
      if (y < nodes.yOf(corner) || (y === nodes.yOf(corner) && x < nodes.xOf(corner))) corner = node;
      const fromX = x;
      const fromY = y;
      let turn = 0;
      const { dx, dy, right, left } = STEPS[direction] as (typeof STEPS)[number];
      while (turn === 0) {
        if (direction === 0) topEdge[y * width + x] = node + 1;
        x += dx;
        y += dy;
        // Turning right first keeps pixels apart that touch by a corner alone.
        if (labelAt(x + right[0], y + right[1]) !== label) turn = 1;
        else if (labelAt(x + left[0], y + left[1]) === label) turn = 3;
      }
      area += fromX * y - x * fromY;
      direction = (direction + turn) & 3;
    } while (x !== startX || y !== startY || direction !== 0);
    const hole = area > 0 ? null : { exterior: -1, corner, edgeAbove: -1 };
    return { label, first, end: nodes.count, hole };
  };

  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = data[i] as number;
      if (label === 0 || topEdge[i] !== 0 || labelAt(x, y - 1) === label) continue;
      rings.push(follow(x, y, label));
    }
  }
  const { x, y } = nodes.finish();
  attachHoles(rings, x, y, topEdge, width);
  return { rings, x, y };
}

/** Finds, straight above each hole's topmost corner, the edge that bounds its region there, and so its exterior. */
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
  const holes = rings.flatMap(({ hole }) => (hole === null ? [] : [hole]));
  // An edge above belongs to the exterior or to a hole that begins further up, whose exterior is known by then.
  holes.sort((a, b) => (y[a.corner] as number) - (y[b.corner] as number));
  for (const hole of holes) {
    let i = ((y[hole.corner] as number) - 1) * width + (x[hole.corner] as number);
    while (topEdge[i] === 0) i -= width;
    hole.edgeAbove = (topEdge[i] as number) - 1;
    const owner = ringOfNode(hole.edgeAbove);
    hole.exterior = (rings[owner] as Ring).hole?.exterior ?? owner;
  }
}

/** Corners in typed arrays that grow. */
class NodeList {
  count = 0;
  #x = new Int32Array(1024);
  #y = new Int32Array(1024);

  add(x: number, y: number): number {
    if (this.count === MAX_CORNERS) {
      throw new AppError(
        'output_too_large',
        mismatch(
          '',
          `outlines of at most ${MAX_CORNERS} corners (smooth the segments by open, close or min_area, or ask for run lengths)`,
          new Words('more'),
        ),
      );
    }
    if (this.count === this.#x.length) {
      this.#x = doubled(this.#x);
      this.#y = doubled(this.#y);
    }
    this.#x[this.count] = x;
    this.#y[this.count] = y;
    return this.count++;
  }

  xOf(node: number): number {
    return this.#x[node] as number;
  }

  yOf(node: number): number {
    return this.#y[node] as number;
  }

  finish(): { x: Int32Array; y: Int32Array } {
    return { x: this.#x.subarray(0, this.count), y: this.#y.subarray(0, this.count) };
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
