import sharp from 'sharp';
import { decoding } from '../pictures/decode-failure.ts';
import { openDisplayed, openPicture } from '../pictures/open.ts';
import { toPixels } from '../pictures/pixels.ts';
import { releaseArray } from '../pictures/release-array.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { colorChannels, type Picture } from './labels/picture.ts';

/**
 * Decodes one page of a picture as it is displayed: upright, in sRGB of 8 bits. A grey picture has one channel for its levels.
 *
 * @throws AppError what `openPicture` and `decoding` throw
 */
export async function readPicture(source: SourceFile, page: number, limits: ImageLimits): Promise<Picture> {
  const opened = await openPicture(source, { page, autoOrient: true, limits, pagePath: '/page' });
  const { isGrey, hasAlpha } = opened;
  const image = openDisplayed(opened);
  // Asked for grey, sharp drops the alpha channel.
  if (isGrey && !hasAlpha) image.toColourspace('b-w');
  const { data, size, channels } = await decoding(source, toPixels(image));
  const picture = { ...size, channels, data };
  return isGrey ? withoutRepeats(picture) : picture;
}

/** The picture scaled down by averages so that its longer side is at most `size`; itself if it is already. */
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

/** Grey, which sharp decodes to three equal channels, as one. */
function withoutRepeats({ width, height, channels, data }: Picture): Picture {
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
