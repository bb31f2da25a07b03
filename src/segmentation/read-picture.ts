import sharp from 'sharp';
import { decoding } from '../pictures/decode-failure.ts';
import { openDisplayed, openPicture } from '../pictures/open.ts';
import { toPixels } from '../pictures/pixels.ts';
import { releaseArray } from '../pictures/release-array.ts';
import type { ImageLimits, Size, SourceFile } from '../pictures/types.ts';
import { colorChannels, type Picture } from './labels/picture.ts';

/**
 * Decodes one page of a picture as it is displayed: upright, in 8-bit sRGB. A grey picture has one channel of colour.
 *
 * @throws AppError as `openPicture` and `decoding`
 */
export async function readPicture(source: SourceFile, page: number, limits: ImageLimits): Promise<Picture> {
  const opened = await openPicture(source, { page, autoOrient: true, limits, pagePath: '/page' });
  const { isGrey, hasAlpha } = opened;
  const decode = async () => {
    const image = await openDisplayed(opened);
    // sharp drops the alpha channel of grey output.
    if (isGrey && !hasAlpha) image.toColourspace('b-w');
    return toPixels(image);
  };
  const { data, size, channels } = await decoding(source, decode());
  const picture = { ...size, channels, data };
  return isGrey ? withoutRepeats(picture) : picture;
}

/** The size of a picture scaled down so that its longer side is at most `longest`; its own size if it already is. */
export function reducedSize({ width, height }: Size, longest: number | undefined): Size {
  const longer = Math.max(width, height);
  if (longest === undefined || longer <= longest) return { width, height };
  const scale = (side: number) => Math.max(1, Math.round((side * longest) / longer));
  return { width: scale(width), height: scale(height) };
}

/** The picture scaled down to this size; the picture itself if it already has it. */
export async function reducePicture(picture: Picture, { width, height }: Size): Promise<Picture> {
  if (width === picture.width && height === picture.height) return picture;
  const { data, channels } = await toPixels(
    sharp(picture.data, { raw: picture, limitInputPixels: false }).resize(width, height, {
      fit: 'fill',
      kernel: 'linear',
    }),
  );
  const reduced = { width, height, channels, data };
  return colorChannels(picture) === 1 ? withoutRepeats(reduced) : reduced;
}

/** Keeps one of the three equal channels to which sharp decodes grey. */
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
