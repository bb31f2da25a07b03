/** How rows are resampled. `area` is the exact area average and the default everywhere. */
export const RESAMPLE_KERNELS = ['area', 'nearest', 'linear', 'cubic', 'lanczos3'] as const;
export type ResampleKernel = (typeof RESAMPLE_KERNELS)[number];

/** Width of resized rows if the request gives none. */
export const DEFAULT_WIDTH = 150;

/** Packed rows of grey levels. */
export interface PackedRows {
  /** `rows × width` bytes, row-major. */
  pixels: Uint8Array;
  /** `rows × maskStride(width)` bytes of bitmaps (null-mask.ts); null if no pixel is missing. */
  nulls: Uint8Array | null;
}

/**
 * Resamples `count` rows of `source` into the first `count` rows of `target`, all bytes of which are written.
 * `target.nulls` may be null only if `source.nulls` is.
 */
export type Resampler = (source: PackedRows, count: number, target: PackedRows) => void;

/** Resamples one row; `mask` is `source.nulls`, or null if no pixel of the row is missing. `target` has no bit set yet. */
export type RowResampler = (
  source: PackedRows,
  row: number,
  mask: Uint8Array | null,
  target: PackedRows,
) => void;

/** The target's bitmaps, which are required if the source has any. */
export function targetMask(target: PackedRows): Uint8Array {
  if (target.nulls === null) throw new TypeError('Rows with missing pixels need a target with bitmaps.');
  return target.nulls;
}
