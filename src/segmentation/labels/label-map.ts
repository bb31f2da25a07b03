import sharp from 'sharp';
import { decoding, readingOwn } from '../../pictures/decode-failure.ts';
import type { DecodeLimits } from '../../pictures/limits.ts';
import { openPicture, openStored, storedForm } from '../../pictures/open.ts';
import { samplesOf, toPixels } from '../../pictures/pixels.ts';
import type { SourceFile } from '../../pictures/types.ts';
import type { LabelMap } from './labels.ts';

/** A label map as a lossless greyscale PNG: 8 bits a pixel, or 16 if the labels need them. */
export async function encodeLabelMap({ width, height, data }: LabelMap): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 1 }, limitInputPixels: false })
    .toColourspace(data instanceof Uint16Array ? 'grey16' : 'b-w')
    .png({ compressionLevel: 3 })
    .toBuffer();
}

/**
 * Reads a label map that `encodeLabelMap` made.
 *
 * @throws Error if it cannot be decoded: no client can be to blame for it
 */
export function readLabelMap(path: string): Promise<LabelMap> {
  return readingOwn(decodeLabelMap({ path, format: 'png' }));
}

/** A stored label map can be read even if the limits have been lowered since. */
const NO_LIMITS: DecodeLimits = {
  maxPixels: Infinity,
  maxTotalPixels: Infinity,
  maxDecodeBytes: Infinity,
};

async function decodeLabelMap(file: SourceFile): Promise<LabelMap> {
  const picture = await openPicture(file, {
    page: 0,
    autoOrient: false,
    limits: NO_LIMITS,
    pagePath: '/page',
  });
  const { bitDepth } = storedForm(picture);
  const { data } = await decoding(file, toPixels(await openStored(picture), bitDepth));
  return { ...picture.size, data: samplesOf(data, bitDepth) };
}
