import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppError } from '../../src/core/errors.ts';
import { computeHistogram } from '../../src/histogram/compute.ts';
import type { Raster } from '../../src/histogram/raster.ts';
import type { HistogramParams, HistogramResult } from '../../src/histogram/schemas.ts';
import { sniffImageFormat } from '../../src/pictures/formats.ts';
import type { SourceFile } from '../../src/pictures/types.ts';

/** The given parameters, with all defaults. */
export function withDefaults(params: Partial<HistogramParams> = {}): HistogramParams {
  return {
    cumulative: false,
    normalize: false,
    percentiles: [],
    per_label: false,
    ignore_transparent: false,
    page: 0,
    auto_orient: true,
    ...params,
  };
}

export const LIMITS = { maxPixels: 50_000_000, maxTotalPixels: 200_000_000, maxDecodeBytes: 2 ** 31 };

/** A file as it is known after its upload; a file that is not a picture is called a PNG. */
function sourceOf(file: string): SourceFile {
  return { path: file, format: sniffImageFormat(readFileSync(file)) ?? 'png' };
}

export interface Given extends Partial<HistogramParams> {
  /** File of the label map; `mask` is set. */
  maskFile?: string;
}

export function histogramOf(file: string, { maskFile, ...params }: Given = {}): Promise<HistogramResult> {
  const mask = maskFile === undefined ? {} : { mask: '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11' };
  return computeHistogram({
    source: sourceOf(file),
    ...(maskFile === undefined ? {} : { mask: sourceOf(maskFile) }),
    params: withDefaults({ ...mask, ...params }),
    limits: LIMITS,
  });
}

/** The paths of the faults that a computation is refused for. */
export async function faultPaths(computation: Promise<unknown>): Promise<string[]> {
  try {
    await computation;
  } catch (error) {
    if (error instanceof AppError && error.code === 'validation_failed') {
      return error.errors.map(({ path: pointer }) => pointer);
    }
    throw error;
  }
  return [];
}

/** A temporary folder, and how to be rid of it. */
export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'coreframe-histogram-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A repeatable generator of 32-bit numbers (Marsaglia's xorshift32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Random samples, a third of them at the ends of the scale, as real pictures have them. */
export function randomRaster(
  shape: Pick<Raster, 'width' | 'height' | 'stride' | 'bitDepth' | 'alpha'>,
  seed = 1,
): Raster {
  const random = randomNumbers(seed);
  const top = 2 ** shape.bitDepth - 1;
  const length = shape.width * shape.height * shape.stride;
  const samples = shape.bitDepth === 8 ? new Uint8Array(length) : new Uint16Array(length);
  for (let i = 0; i < length; i += 1) {
    const kind = random() % 6;
    samples[i] = kind === 0 ? 0 : kind === 1 ? top : random() % (top + 1);
  }
  return { ...shape, samples, colorSpace: shape.stride < 3 ? 'grey' : 'srgb' };
}
