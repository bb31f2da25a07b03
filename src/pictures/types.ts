import type { ImageFormat } from './formats.ts';

/** Width and height of one frame, in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** Bounds that every image task is held to. Pixels are width × height, summed over frames if it says total. */
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

/** A local file that a task reads. */
export interface SourceFile {
  /** Absolute. */
  path: string;
  format: ImageFormat;
}
