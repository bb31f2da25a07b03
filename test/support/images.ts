import sharp, { type SharpOptions } from 'sharp';
import type { Test } from 'tap';

/** Decoded pixels: H×W×4 (RGBA, 8-bit sRGB), row-major. */
export interface Pixels {
  data: Buffer;
  width: number;
  height: number;
}

export async function decodePixels(input: string | Buffer, options: SharpOptions = {}): Promise<Pixels> {
  const { data, info } = await sharp(input, options)
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** Red, green, blue and alpha of one pixel. */
export function pixelAt({ data, width }: Pixels, x: number, y: number): number[] {
  return [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
}

export interface Difference {
  /** Mean and largest absolute difference of two channels, in levels from 0 to 255. */
  mean: number;
  max: number;
}

/** @throws where the pictures have different sizes */
export function differenceOf(found: Pixels, wanted: Pixels): Difference {
  if (found.width !== wanted.width || found.height !== wanted.height) {
    throw new Error(`${found.width}×${found.height} instead of ${wanted.width}×${wanted.height}`);
  }
  let sum = 0;
  let max = 0;
  for (let index = 0; index < wanted.data.length; index += 1) {
    const difference = Math.abs((found.data[index] ?? 0) - (wanted.data[index] ?? 0));
    sum += difference;
    if (difference > max) max = difference;
  }
  return { mean: sum / wanted.data.length, max };
}

/** Asserts equal size and pixels within bounds. */
export function matchPixels(t: Test, found: Pixels, wanted: Pixels, most: Difference, name: string): void {
  const size = `${found.width}×${found.height}`;
  if (!t.equal(size, `${wanted.width}×${wanted.height}`, `${name}: size`)) return;
  const { mean, max } = differenceOf(found, wanted);
  const says = `mean difference ${mean.toFixed(3)} of at most ${most.mean}, largest ${max} of at most ${most.max}`;
  t.ok(mean <= most.mean && max <= most.max, `${name}: ${says}`);
}

const THUMBNAIL = 16;

/**
 * How unlike two pictures look, from 0 (the same) to 255: the largest difference among 16×16 area averages on mid-grey,
 * so that noise of compression averages out and wrong colours, places or orientations do not.
 */
export async function perceptualDistance(found: string | Buffer, wanted: string | Buffer): Promise<number> {
  const [first, second] = await Promise.all([thumbnail(found), thumbnail(wanted)]);
  return differenceOf(first, second).max;
}

async function thumbnail(input: string | Buffer): Promise<Pixels> {
  // Over raw pixels, since JPEG and WebP would be decoded at a smaller size, in another way.
  const { data, info } = await sharp(input, { autoOrient: true })
    .flatten({ background: '#808080' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const small = sharp(data, { raw: { width, height, channels } });
  return decodePixels(
    await small.resize(THUMBNAIL, THUMBNAIL, { fit: 'fill', kernel: 'linear' }).png().toBuffer(),
  );
}

/** Asserts that two pictures look alike. */
export async function looksLike(
  t: Test,
  found: string | Buffer,
  wanted: string | Buffer,
  most: number,
  name: string,
): Promise<void> {
  const distance = await perceptualDistance(found, wanted);
  t.ok(distance <= most, `${name}: looks alike, ${distance} of at most ${most}`);
}
