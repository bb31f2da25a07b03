import { releaseArray } from '../../pictures/release-array.ts';

/**
 * Magnitude of the Sobel gradient of a plane, rounded down: 0 to 1442. The picture's edge is repeated outwards.
 *
 * @param plane H×W
 * @returns (H + 2)×(W + 2), with a border of one unused pixel, as `flood` expects it
 */
export function sobelMagnitude(plane: Uint8Array, width: number, height: number): Uint16Array {
  const stride = width + 2;
  const gradient = new Uint16Array(stride * (height + 2));
  // The kernel is separable: first down the columns, then across.
  const smooth = new Int32Array(stride);
  const slope = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    const above = Math.max(0, y - 1) * width;
    const here = y * width;
    const below = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      const a = plane[above + x] as number;
      const b = plane[below + x] as number;
      smooth[x + 1] = a + 2 * (plane[here + x] as number) + b;
      slope[x + 1] = b - a;
    }
    smooth[0] = smooth[1] as number;
    slope[0] = slope[1] as number;
    smooth[stride - 1] = smooth[stride - 2] as number;
    slope[stride - 1] = slope[stride - 2] as number;
    const row = (y + 1) * stride;
    for (let x = 1; x <= width; x++) {
      const across = (smooth[x + 1] as number) - (smooth[x - 1] as number);
      const down = (slope[x - 1] as number) + 2 * (slope[x] as number) + (slope[x + 1] as number);
      gradient[row + x] = Math.sqrt(across * across + down * down);
    }
  }
  return gradient;
}

/** Largest value that `sobelMagnitude` gives: √2 · 4 · 255, rounded down. */
export const MAX_SOBEL = 1442;

/**
 * Pixels of a queue that lie together in memory: 2^5. A queue is a chain of blocks, which are reused once they have been
 * read, so that all queues together stay about as small as the flood's front and fit into the cache.
 */
const BLOCK_BITS = 5;
const BLOCK = 1 << BLOCK_BITS;

/**
 * Floods the unmarked pixels from the markers, in place: lowest level first, and in order of arrival within a level, so
 * that regions meet on the ridges (F. Meyer, "Color image segmentation", 1992). One queue for each level makes the time
 * linear. Pixels are connected by their sides; no gap is left between regions.
 *
 * @param levels (H + 2)×(W + 2), 0 to `maxLevel`
 * @param markers the same shape: -1 on the border of one pixel, 0 if unmarked, else the marker's number
 */
export function flood(levels: Uint16Array, markers: Int32Array, width: number, maxLevel: number): void {
  const stride = width + 2;
  // Every pixel is queued at most once. Memory that is never written to costs nothing.
  const blocks = Math.ceil(markers.length / BLOCK) + maxLevel + 2;
  const queues = new Int32Array(blocks * BLOCK);
  const nextBlock = new Int32Array(blocks);
  const back = Int32Array.from({ length: maxLevel + 1 }, (_, queue) => queue * BLOCK);
  let unusedBlock = maxLevel + 1;
  let freeBlock = -1;
  let level = 0;

  /** Appends a pixel to the queue of its level, or of the flood's current level if that is higher. */
  const enqueue = (pixel: number) => {
    const own = levels[pixel] as number;
    const queue = own > level ? own : level;
    let at = back[queue] as number;
    queues[at++] = pixel;
    if ((at & (BLOCK - 1)) === 0) {
      const block = freeBlock === -1 ? unusedBlock++ : freeBlock;
      if (block === freeBlock) freeBlock = nextBlock[block] as number;
      nextBlock[(at - 1) >> BLOCK_BITS] = block;
      at = block << BLOCK_BITS;
    }
    back[queue] = at;
  };
  const spread = (neighbour: number, marker: number) => {
    if (markers[neighbour] !== 0) return;
    markers[neighbour] = marker;
    enqueue(neighbour);
  };

  for (let pixel = stride; pixel < markers.length - stride; pixel++) {
    if (isSource(markers, pixel, stride)) enqueue(pixel);
  }
  for (; level <= maxLevel; level++) {
    let front = level << BLOCK_BITS;
    while (front !== back[level]) {
      const pixel = queues[front++] as number;
      if ((front & (BLOCK - 1)) === 0) {
        const block = (front - 1) >> BLOCK_BITS;
        front = (nextBlock[block] as number) << BLOCK_BITS;
        nextBlock[block] = freeBlock;
        freeBlock = block;
      }
      const marker = markers[pixel] as number;
      spread(pixel - stride, marker);
      spread(pixel - 1, marker);
      spread(pixel + 1, marker);
      spread(pixel + stride, marker);
    }
  }
  releaseArray(queues);
  releaseArray(nextBlock);
}

/** Whether a pixel is marked and has an unmarked neighbour. */
function isSource(markers: Int32Array, pixel: number, stride: number): boolean {
  return (
    (markers[pixel] as number) > 0 &&
    (markers[pixel - 1] === 0 ||
      markers[pixel + 1] === 0 ||
      markers[pixel - stride] === 0 ||
      markers[pixel + stride] === 0)
  );
}
