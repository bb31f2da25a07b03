import type { Metadata, Sharp } from 'sharp';
import { uprightExif } from '../pictures/exif.ts';
import { isTurned, openDisplayed, openPicture } from '../pictures/open.ts';
import type { ImageLimits, Size, SourceFile } from '../pictures/types.ts';
import type { KeptMetadata } from './metadata-carrier.ts';
import type { Output } from './output.ts';
import type { Pipeline } from './pipeline.ts';

/** How long each frame is shown, in milliseconds, and how often all of them are; 0 is for ever. */
export interface Timeline {
  delays: number[];
  loop: number;
}

/** A picture that stages work on. */
export interface Picture {
  /** Of one frame. */
  size: Size;
  frames: number;
  hasAlpha: boolean;
  /** Whether red, green and blue are equal in every pixel. */
  isGrey: boolean;
  /** A new sharp pipeline that starts with it. */
  open(): Sharp;
}

/** A picture in a file, nothing of it decoded yet. */
export interface SourcePicture extends Picture {
  /** Where it is an animation of which all frames are read. */
  timeline: Timeline | undefined;
  /** libvips interpretation of the stored pixels. */
  space: string;
  /** Whether it stores more than colours and alpha, which only decoding it to pixels leaves out. */
  hasExtraBands: boolean;
  /** Whether opening it turns it upright. */
  isTurned: boolean;
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
  input: Pipeline['input'],
  output: Pick<Output, 'keep_metadata' | 'color_profile'>,
  limits: ImageLimits,
): Promise<SourcePicture> {
  const picture = await openPicture(file, {
    page: input.page,
    autoOrient: input.auto_orient,
    limits,
    pagePath: '/input/page',
  });
  const { header, size, frames, hasAlpha, hasExtraBands, isGrey } = picture;
  const { space, exif, xmp, icc } = header;
  const keepsProfile = output.color_profile === 'keep' && header.hasProfile && /^(s?rgb|rgb16)$/.test(space);
  const turned = isTurned(picture);
  return {
    size,
    frames,
    hasAlpha,
    hasExtraBands,
    isGrey,
    open() {
      let image = openDisplayed(picture);
      if (keepsProfile) image = image.keepIccProfile();
      if (output.keep_metadata) image = image.keepExif().keepXmp();
      return image;
    },
    timeline: frames > 1 ? timelineOf(header, frames) : undefined,
    space,
    isTurned: turned,
    kept: {
      ...(output.keep_metadata ? { exif: exif && (turned ? uprightExif(exif) : exif), xmp } : {}),
      ...(keepsProfile ? { icc } : {}),
    },
  };
}

function timelineOf({ delay = [], loop = 0 }: Metadata, frames: number): Timeline {
  return { delays: Array.from({ length: frames }, (_, index) => Math.min(delay[index] ?? 0, 65_535)), loop };
}
