import type { Metadata, Sharp } from 'sharp';
import { uprightExif } from '../pictures/exif.ts';
import { isTurned, openDisplayed, openPicture, type PictureFile } from '../pictures/open.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import type { KeptMetadata } from './metadata-carrier.ts';
import type { Output } from './output.ts';
import type { Pipeline } from './pipeline.ts';

/** How long each page of an animation is shown, in milliseconds, and how often it plays; 0 is for ever. */
export interface Timeline {
  delays: number[];
  loop: number;
}

/** A picture in a file; nothing is decoded yet. */
export interface SourcePicture extends PictureFile {
  /** A new sharp pipeline that starts with it. */
  open(): Promise<Sharp>;
  /** Set if all pages of an animation are read. */
  timeline: Timeline | undefined;
  /** The metadata that goes into the result. If a profile is kept, the colours stay in its space. */
  kept: KeptMetadata;
}

/**
 * Opens the picture that a pipeline starts from.
 *
 * @throws AppError as `openPicture`
 */
export async function openSource(
  file: SourceFile,
  { page, auto_orient }: Pipeline['input'],
  { keep_metadata, color_profile }: Pick<Output, 'keep_metadata' | 'color_profile'>,
  limits: ImageLimits,
): Promise<SourcePicture> {
  const picture = await openPicture(file, { page, autoOrient: auto_orient, limits, pagePath: '/input/page' });
  const { header, pages } = picture;
  const { space, hasProfile, exif, xmp, icc, correction } = header;
  const isRgb = /^(s?rgb|rgb16)$/.test(space) && correction === undefined;
  const keepsProfile = color_profile === 'keep' && hasProfile && isRgb;
  return {
    ...picture,
    async open() {
      let image = await openDisplayed(picture);
      if (keepsProfile) image = image.keepIccProfile();
      if (keep_metadata) image = image.keepExif().keepXmp();
      return image;
    },
    timeline: pages > 1 ? timelineOf(header, pages) : undefined,
    kept: {
      ...(keep_metadata ? { exif: exif && (isTurned(picture) ? uprightExif(exif) : exif), xmp } : {}),
      ...(keepsProfile ? { icc } : {}),
    },
  };
}

function timelineOf({ delay = [], loop = 0 }: Metadata, pages: number): Timeline {
  return { delays: Array.from({ length: pages }, (_, index) => Math.min(delay[index] ?? 0, 65_535)), loop };
}
