import type { FrameBatch } from '../../src/frames/csv/batches.ts';
import { type ImageLogOptions, ImageLogParser } from '../../src/frames/csv/parser.ts';
import { isMasked, maskStride } from '../../src/frames/rows/null-mask.ts';

/** A whole number in 0 … below, and other draws, from a seed: xorshift32 (Marsaglia 2003). */
export function createRandom(seed: number) {
  let state = seed >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  return {
    below: (limit: number) => Math.floor(next() * limit),
    chance: (probability: number) => next() < probability,
    pick: <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T,
  };
}

export type Random = ReturnType<typeof createRandom>;

/** Rows as plain values: a pixel that is missing is null. */
export interface PlainRow {
  row: number;
  depth: number;
  pixels: (number | null)[];
}

export function unpack(batches: readonly FrameBatch[]): PlainRow[] {
  return batches.flatMap(({ count, columns, rows, depths, pixels, nulls }) =>
    Array.from({ length: count }, (_, index) => ({
      row: rows[index] as number,
      depth: depths[index] as number,
      pixels: Array.from({ length: columns }, (_, column) =>
        nulls && isMasked(nulls, index * maskStride(columns), column)
          ? null
          : (pixels[index * columns + column] as number),
      ),
    })),
  );
}

/** Parses a whole file given as text or bytes, cut into chunks by `cut` (all at once if it is not given). */
export function parseLog(file: string | Uint8Array, options: ImageLogOptions = {}, cut?: () => number) {
  const bytes = typeof file === 'string' ? Buffer.from(file) : file;
  const parser = new ImageLogParser(options);
  const batches: FrameBatch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = cut ? Math.max(1, cut()) : bytes.length;
    batches.push(...parser.push(bytes.subarray(at, at + size)));
    at += size;
  }
  batches.push(...parser.end());
  return { rows: unpack(batches), batches, summary: parser.summary() };
}
