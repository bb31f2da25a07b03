/**
 * Magnitude of the Sobel gradient of a plane, floored: 0 to 1442; the picture's edge is repeated outwards.
 *
 * @param plane H×W
 * @returns (H + 2)×(W + 2), with a border of one unused pixel, as `flood` takes it
 */
export function sobelMagnitude(plane: Uint8Array, width: number, height: number): Uint16Array {
  const stride = width + 2;
  const gradient = new Uint16Array(stride * (height + 2));
  // Differences and sums down the columns first, then across: the kernel is separable.
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

/** Largest value that `sobelMagnitude` gives: √2 · 4 · 255, floored. */
export const MAX_SOBEL = 1442;

/**
 * Floods, in place, the unmarked pixels from the markers, lowest level first and first come first served within a
 * level, so that regions meet on the ridges: F. Meyer, "Color image segmentation", 1992. One bucket for each level
 * makes it linear. Pixels are connected by their sides; no line is left between regions.
 *
 * @param levels (H + 2)×(W + 2), 0 to `maxLevel`
 * @param markers the same shape: -1 on the border of one pixel, 0 unmarked, else the marker's number
 */
export function flood(levels: Uint16Array, markers: Int32Array, width: number, maxLevel: number): void {
  const stride = width + 2;
  const head = new Int32Array(maxLevel + 1).fill(-1);
  const tail = new Int32Array(maxLevel + 1);
  const next = new Int32Array(markers.length);
  let level = 0;

  /** Puts a pixel last in line at its level, or at the flood's own where that is higher by now. */
  const enqueue = (pixel: number) => {
    const own = levels[pixel] as number;
    const bucket = Math.max(own, level);
    next[pixel] = -1;
    if (head[bucket] === -1) head[bucket] = pixel;
    else next[tail[bucket] as number] = pixel;
    tail[bucket] = pixel;
  };

  for (const pixel of markedBorder(markers, stride)) enqueue(pixel);
  for (; level <= maxLevel; level++) {
    for (let pixel = head[level] as number; pixel !== -1; pixel = next[pixel] as number) {
      const marker = markers[pixel] as number;
      for (let side = 0; side < 4; side++) {
        const neighbour =
          side === 0 ? pixel - stride : side === 1 ? pixel - 1 : side === 2 ? pixel + 1 : pixel + stride;
        if (markers[neighbour] !== 0) continue;
        markers[neighbour] = marker;
        enqueue(neighbour);
      }
    }
  }
}

/** Marked pixels that have an unmarked neighbour, in raster order. */
function markedBorder(markers: Int32Array, stride: number): Int32Array {
  const isSource = (i: number) =>
    (markers[i] as number) > 0 &&
    (markers[i - 1] === 0 || markers[i + 1] === 0 || markers[i - stride] === 0 || markers[i + stride] === 0);
  let count = 0;
  for (let i = stride; i < markers.length - stride; i++) if (isSource(i)) count++;
  const sources = new Int32Array(count);
  for (let i = stride, at = 0; at < count; i++) if (isSource(i)) sources[at++] = i;
  return sources;
}
