import sharp from 'sharp';
import { toPixels } from '../pictures/pixels.ts';
import { releaseArray } from '../pictures/release-array.ts';

/** Decoded pixels: 8 bits, row-major, interleaved; colour is sRGB. */
export interface Picture {
  width: number;
  height: number;
  /** 1 grey, 2 grey and alpha, 3 red, green, blue, 4 with alpha. */
  channels: 1 | 2 | 3 | 4;
  /** H×W×channels. */
  data: Uint8Array;
}

/** Number of channels that are colour: 1 or 3. */
export function colorChannels(picture: Picture): 1 | 3 {
  return picture.channels < 3 ? 1 : 3;
}

/** Index of the alpha channel, or -1. */
export function alphaChannel(picture: Picture): number {
  return picture.channels % 2 === 0 ? picture.channels - 1 : -1;
}

/**
 * Grey, which sharp decodes to three equal channels, as one. Asked for one channel (`toColourspace('b-w')`), sharp
 * drops the alpha channel.
 */
export function withoutRepeats({ width, height, channels, data }: Picture): Picture {
  if (channels < 3) return { width, height, channels, data };
  const hasAlpha = channels === 4;
  const kept = hasAlpha ? 2 : 1;
  const out = new Uint8Array(width * height * kept);
  for (let from = 0, to = 0; to < out.length; from += channels, to += kept) {
    out[to] = data[from] as number;
    if (hasAlpha) out[to + 1] = data[from + 3] as number;
  }
  releaseArray(data);
  return { width, height, channels: kept, data: out };
}

/** The picture scaled down by averages so that its longer side is `size` at most; itself where it is already. */
export async function reducePicture(picture: Picture, size: number): Promise<Picture> {
  const longer = Math.max(picture.width, picture.height);
  if (longer <= size) return picture;
  const width = Math.max(1, Math.round((picture.width * size) / longer));
  const height = Math.max(1, Math.round((picture.height * size) / longer));
  const { data, channels } = await toPixels(
    sharp(picture.data, { raw: picture, limitInputPixels: false }).resize(width, height, {
      fit: 'fill',
      kernel: 'linear',
    }),
  );
  const reduced = { width, height, channels, data };
  return colorChannels(picture) === 1 ? withoutRepeats(reduced) : reduced;
}
