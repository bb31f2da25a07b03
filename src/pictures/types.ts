/**
 * What crosses between the API and the image processes: plain data only. Files are named by absolute paths, so that
 * no pixels go through a pipe.
 */

/** Width and height of one frame, in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** Bounds that every image task is held to. Pixels are width × height, summed over frames where it says total. */
export interface ImageLimits {
  /** Of one frame of an input. */
  maxPixels: number;
  /** Over all frames of an input. */
  maxTotalPixels: number;
  /** Of a result over all frames, and of every step on the way to it. */
  maxOutputPixels: number;
  /** Estimated memory for decoding, in bytes. */
  maxDecodeBytes: number;
}

export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** A local file that a task reads, already sniffed. */
export interface SourceFile {
  path: string;
  format: ImageFormat;
}

export interface InspectTask {
  file: SourceFile;
  limits: ImageLimits;
}
