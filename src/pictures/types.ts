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

/** What an image's bytes say of it, read by decoding it once in full. */
export interface ImageMetadata {
  format: ImageFormat;
  /** Size of one frame in pixels as it is seen, after EXIF orientation. */
  width: number;
  height: number;
  /** 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha or CMYK, 5 CMYK and alpha. */
  channels: number;
  /** libvips band format: `uchar` (8-bit), `ushort` (16-bit), `float`, … */
  depth: string;
  has_alpha: boolean;
  /** Frames of an animation, pages of a TIFF; 1 for a still picture. */
  pages: number;
  /** EXIF orientation, 1 to 8, where the file has one. */
  orientation: number | null;
  /** libvips interpretation: `srgb`, `b-w`, `cmyk`, `lab`, `rgb16`, … */
  color_space: string;
  /** Pixels per inch, where the file says so. */
  density: number | null;
  details: ImageDetails;
}

export interface ImageDetails {
  /** Milliseconds each frame is shown, for an animation. */
  delays?: number[];
  /** Times the animation plays; 0 is for ever. */
  loop?: number;
  is_progressive?: boolean;
  has_profile?: boolean;
  /** A subset of EXIF, as text and numbers: make, model, lens, exposure, f_number, iso, focal_length, taken_at, software, … */
  exif?: Record<string, string | number>;
  /** Decimal degrees, metres. Kept apart so that it is shown only when asked for. */
  gps?: { latitude: number; longitude: number; altitude?: number };
}

/** A local file that a task reads, already sniffed. */
export interface SourceFile {
  path: string;
  format: ImageFormat;
}

export interface InspectTask {
  file: SourceFile;
  limits: ImageLimits;
}

/** A written result file and what is known of it. */
export interface TransformResult {
  /** Hexadecimal SHA-256 of the file. */
  sha256: string;
  /** Bytes. */
  size: number;
  format: ImageFormat;
  media_type: string;
  width: number;
  height: number;
  channels: number;
  has_alpha: boolean;
  pages: number;
}
