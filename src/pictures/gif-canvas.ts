import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { CLEAR, type GifFacts, type GifImage, RESTORE } from './gif.ts';
import type { Pixels } from './pixels.ts';

/**
 * Whether libvips shows a GIF without the transparency that it has in browsers: outside of its first picture, or where a page is
 * cleared that has no transparent colour.
 */
export function hidesTransparency({ width, height, images }: GifFacts): boolean {
  const isAnnounced = images.some(({ hasTransparentColor }) => hasTransparentColor);
  const canvas = { left: 0, top: 0, width, height };
  let isCovered = false;
  return images.some((image, index) => {
    const isCoveredNow = isCovered || covers(image, canvas);
    if (!isAnnounced && !isCoveredNow) return true;
    if (image.disposal !== RESTORE) isCovered = isCoveredNow;
    const next = images[index + 1];
    if (next === undefined || image.disposal !== CLEAR || image.hasTransparentColor) return false;
    return next.hasTransparentColor || next.disposal === RESTORE || !covers(next, image);
  });
}

type Box = Pick<GifImage, 'left' | 'top' | 'width' | 'height'>;

function covers(outer: Box, inner: Box): boolean {
  return (
    outer.left <= inner.left &&
    outer.top <= inner.top &&
    outer.left + outer.width >= inner.left + inner.width &&
    outer.top + outer.height >= inner.top + inner.height
  );
}

/**
 * Draws the pages of a GIF as browsers do, on a canvas that is transparent at first: pages×H×W×4.
 *
 * @param from the first page
 * @param count number of pages
 */
export async function drawGif(path: string, facts: GifFacts, from: number, count: number): Promise<Pixels> {
  const { width, height, images } = facts;
  const end = from + count;
  const { data, info } = await sharp(separateImages(readFileSync(path), facts), {
    page: 1,
    pages: end,
    failOn: 'error',
    limitInputPixels: false,
  })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const alone = toWords(data);
  const [aloneWidth, aloneHeight] = [info.width, info.height / end];
  const drawn = new Uint32Array(count * width * height);
  const canvas = new Uint32Array(width * height);
  let before = canvas;
  for (let index = 0; index < end; index += 1) {
    const last = images[index - 1];
    if (last?.disposal === CLEAR) {
      forRows(last, width, height, (y, left, right) => canvas.fill(0, y * width + left, y * width + right));
    }
    if (last?.disposal === RESTORE) canvas.set(before);
    const image = images[index];
    if (image === undefined) throw new Error(`it has no page ${index}`);
    if (image.disposal === RESTORE) before = canvas.slice();
    const page = alone.subarray(index * aloneWidth * aloneHeight);
    forRows(image, Math.min(width, aloneWidth), Math.min(height, aloneHeight), (y, left, right) => {
      for (let x = left; x < right; x += 1) {
        const pixel = page[y * aloneWidth + x] ?? 0;
        if (pixel !== 0) canvas[y * width + x] = pixel;
      }
    });
    if (index >= from) drawn.set(canvas, (index - from) * canvas.length);
  }
  return { data: Buffer.from(drawn.buffer), size: { width, height: height * count }, channels: 4 };
}

/** RGBA pixels as one number each. Node's buffers may not be aligned. */
function toWords(data: Buffer): Uint32Array {
  const aligned = data.byteOffset % 4 === 0 ? data : Uint8Array.prototype.slice.call(data);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** Calls a function with the rows of a box, and where they begin and end, within a canvas. */
function forRows(
  box: Box,
  width: number,
  height: number,
  each: (y: number, left: number, right: number) => void,
): void {
  const right = Math.min(box.left + box.width, width);
  if (box.left >= right) return;
  for (let y = box.top; y < Math.min(box.top + box.height, height); y += 1) each(y, box.left, right);
}

/**
 * The same GIF with each picture alone on a transparent canvas. Before them comes a page of one transparent pixel, because libvips gives
 * transparency only if a colour is transparent; in the last corner, because libvips does not believe every size of a canvas. After each
 * page, the canvas is restored.
 */
function separateImages(gif: Buffer, { width, height, blocksAt, images }: GifFacts): Buffer {
  gif.writeUInt16LE(width, 6);
  gif.writeUInt16LE(height, 8);
  const parts = [gif.subarray(0, blocksAt), control(1), pixelAt(width - 1, height - 1)];
  let at = blocksAt;
  for (const image of images) {
    const flagsAt = (image.controlAt ?? 0) + 3;
    if (image.controlAt === undefined) {
      parts.push(gif.subarray(at, image.at), control(0));
      at = image.at;
    } else {
      gif[flagsAt] = ((gif[flagsAt] ?? 0) & 0xe3) | (RESTORE << 2);
    }
  }
  return Buffer.concat([...parts, gif.subarray(at)]);
}

/** A graphic control extension that restores the canvas. */
function control(hasTransparentColor: 0 | 1): Buffer {
  return Buffer.from([0x21, 0xf9, 4, (RESTORE << 2) | hasTransparentColor, 0, 0, 0, 0]);
}

/** A picture of 1×1 with colour 0, which needs no table of its own. */
function pixelAt(left: number, top: number): Buffer {
  const picture = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
  picture.writeUInt16LE(left, 1);
  picture.writeUInt16LE(top, 3);
  return picture;
}
