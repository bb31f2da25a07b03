import { decoding } from '../pictures/decode-failure.ts';
import { openDisplayed, openPicture } from '../pictures/open.ts';
import { toPixels } from '../pictures/pixels.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { type Picture, withoutRepeats } from './picture.ts';

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
