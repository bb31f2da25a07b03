import type { ImageFormat } from './formats.ts';

/** Width and height of one page, in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** The limits of every image task. Pixels are width × height. */
export interface ImageLimits {
  /** Of one page of an input. */
  maxPixels: number;
  /** Of all pages of an input together. */
  maxTotalPixels: number;
  /** Of all pages of a result together, and of every step that leads to it. */
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
