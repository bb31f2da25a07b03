/**
 * Decoded pixels, row-major and interleaved: sample `band` of pixel `i` is `samples[i * stride + band]`. Grey is band 0 of
 * a `grey` raster; red, green and blue are bands 0, 1 and 2 of an `srgb` one.
 */
export interface Raster {
  samples: Uint8Array | Uint16Array;
  width: number;
  height: number;
  /** Samples in each pixel; some may be unused. */
  stride: 1 | 2 | 3 | 4;
  colorSpace: 'grey' | 'srgb';
  /** Band of the alpha channel. */
  alpha: 1 | 3 | null;
  bitDepth: 8 | 16;
}

/** Number of levels that the stored channels of a raster have. */
export function levelsOf(raster: Pick<Raster, 'bitDepth'>): number {
  return 2 ** raster.bitDepth;
}
