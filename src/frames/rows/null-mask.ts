/**
 * Bitmaps of missing pixels. Each row has `maskStride(width)` bytes; pixel `i` is bit `i & 7` (least significant
 * first) of byte `i >> 3`; 1 means missing. Bits past the width are 0.
 */

/** Bytes of the bitmap of a row of `width` pixels. */
export function maskStride(width: number): number {
  return (width + 7) >> 3;
}

/** Whether pixel `index` of the row whose bitmap starts at `offset` is missing. */
export function isMasked(mask: Uint8Array, offset: number, index: number): boolean {
  return (((mask[offset + (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1;
}

/** Marks pixel `index` of the row whose bitmap starts at `offset` as missing. */
export function setMasked(mask: Uint8Array, offset: number, index: number): void {
  const at = offset + (index >> 3);
  mask[at] = (mask[at] ?? 0) | (1 << (index & 7));
}

/** Whether any bit is set in `length` bytes from `offset`. */
export function anyMasked(mask: Uint8Array, offset: number, length: number): boolean {
  for (let i = offset; i < offset + length; i++) if (mask[i] !== 0) return true;
  return false;
}
