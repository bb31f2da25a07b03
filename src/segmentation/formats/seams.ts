import type { Rings } from './rings.ts';

/**
 * Polygons of one ring each, for formats without holes: a vertical seam, followed in both directions, joins each hole to
 * the outline above it. It crosses no column of pixel centres, and under the even-odd rule, by which pycocotools fills,
 * it has no effect.
 *
 * @returns the polygons of each label, as x0, y0, x1, y1, …
 */
export function seamedPolygons({ rings, x, y }: Rings): Map<number, number[][]> {
  const holes = rings.flatMap(({ hole }) => hole ?? []);
  // A seam adds a point on the edge above, unless there is one already, and visits both its ends twice.
  const size = x.length + 3 * holes.length;
  const nodeX = new Int32Array(size);
  const nodeY = new Int32Array(size);
  nodeX.set(x);
  nodeY.set(y);
  const next = new Int32Array(size);
  for (const { first, end } of rings) {
    for (let node = first; node < end; node++) next[node] = node + 1;
    next[end - 1] = first;
  }
  let count = x.length;
  const add = (px: number, py: number, following: number) => {
    nodeX[count] = px;
    nodeY[count] = py;
    next[count] = following;
    return count++;
  };

  // Edges above run to the right. From the right, each new seam directly follows the edge's first node.
  holes.sort((a, b) => (x[b.corner] as number) - (x[a.corner] as number));
  for (const { corner, edgeAbove } of holes) {
    const seamX = x[corner] as number;
    const top = y[edgeAbove] as number;
    let upper = edgeAbove;
    // Two equal points in a row are an edge of length 0, by which pycocotools divides.
    if (x[edgeAbove] !== seamX) {
      upper = add(seamX, top, next[edgeAbove] as number);
      next[edgeAbove] = upper;
    }
    const back = add(seamX, top, next[upper] as number);
    next[upper] = add(seamX, y[corner] as number, next[corner] as number);
    next[corner] = back;
  }

  const polygons = new Map<number, number[][]>();
  for (const { label, first, hole } of rings) {
    if (hole !== null) continue;
    const polygon: number[] = [];
    let node = first;
    do {
      polygon.push(nodeX[node] as number, nodeY[node] as number);
      node = next[node] as number;
    } while (node !== first);
    const others = polygons.get(label);
    if (others === undefined) polygons.set(label, [polygon]);
    else others.push(polygon);
  }
  return polygons;
}
