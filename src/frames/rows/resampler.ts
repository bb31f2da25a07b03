/** The ways to another width. `area` is the exact area average, and the default everywhere. */
export const RESAMPLE_KERNELS = ['area', 'nearest', 'linear', 'cubic', 'lanczos3'] as const;
export type ResampleKernel = (typeof RESAMPLE_KERNELS)[number];

/** Width of `resized_image_data` unless another is asked for. */
export const DEFAULT_WIDTH = 150;

/** Rows of grey levels, packed, with the bitmaps of those that are missing (null-mask.ts), or null if none is. */
export interface PackedRows {
  /** `rows × width` bytes, row-major. */
  pixels: Uint8Array;
  /** `rows × maskStride(width)` bytes. */
  nulls: Uint8Array | null;
}

/** A plan from one width to another, to be made once and used for many rows. Rows never mix. */
export interface Resampler {
  sourceWidth: number;
  width: number;
  /**
   * Resamples `count` rows of `source` into the first `count` rows of `target`, all bytes of which are written.
   * `target.nulls` may be null only if `source.nulls` is.
   */
  resample(source: PackedRows, count: number, target: PackedRows): void;
}

/** The target's bitmaps, which it must have if the source has some. */
export function targetMask(target: PackedRows): Uint8Array {
  if (target.nulls === null) throw new TypeError('Rows with missing pixels need a target with bitmaps.');
  return target.nulls;
}
