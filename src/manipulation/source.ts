import type { Metadata, Sharp } from 'sharp';
import { uprightExif } from '../pictures/exif.ts';
import { isTurned, openDisplayed, openPicture, type PictureFile } from '../pictures/open.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import type { KeptMetadata } from './metadata-carrier.ts';
import type { Output } from './output.ts';
import type { Pipeline } from './pipeline.ts';

/** How long each frame is shown, in milliseconds, and how often all of them are; 0 is for ever. */
export interface Timeline {
  delays: number[];
  loop: number;
}

/** A picture in a file, nothing of it decoded yet. */
export interface SourcePicture extends PictureFile {
  /** A new sharp pipeline that starts with it. */
  open(): Sharp;
  /** Of an animation of which all frames are read. */
  timeline: Timeline | undefined;
  /** What of its metadata goes into the result. Its colours stay in the space of a profile that is kept. */
  kept: KeptMetadata;
}

/**
 * Opens the picture that a pipeline starts from.
 *
 * @throws AppError what `openPicture` throws
 */
export async function openSource(
  file: SourceFile,
  { page, auto_orient }: Pipeline['input'],
  { keep_metadata, color_profile }: Pick<Output, 'keep_metadata' | 'color_profile'>,
  limits: ImageLimits,
): Promise<SourcePicture> {
  const picture = await openPicture(file, { page, autoOrient: auto_orient, limits, pagePath: '/input/page' });
  const { header, frames } = picture;
  const { space, hasProfile, exif, xmp, icc } = header;
  const keepsProfile = color_profile === 'keep' && hasProfile && /^(s?rgb|rgb16)$/.test(space);
  return {
    ...picture,
    open() {
      let image = openDisplayed(picture);
      if (keepsProfile) image = image.keepIccProfile();
      if (keep_metadata) image = image.keepExif().keepXmp();
      return image;
    },
    timeline: frames > 1 ? timelineOf(header, frames) : undefined,
    kept: {
      ...(keep_metadata ? { exif: exif && (isTurned(picture) ? uprightExif(exif) : exif), xmp } : {}),
      ...(keepsProfile ? { icc } : {}),
    },
  };
}

function timelineOf({ delay = [], loop = 0 }: Metadata, frames: number): Timeline {
  return { delays: Array.from({ length: frames }, (_, index) => Math.min(delay[index] ?? 0, 65_535)), loop };
}
