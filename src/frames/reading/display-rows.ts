import type { Pool } from 'pg';
import { AppError } from '../../core/errors.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { mapLevels, normalizationTable, type ValueRange } from '../rows/normalize.ts';
import { anyMasked, maskStride } from '../rows/null-mask.ts';
import { createResampler } from '../rows/resample.ts';
import type { ResampleKernel } from '../rows/resampler.ts';
import { depthAt, type FrameRows } from './frame-rows.ts';
import type { FrameSelection } from './frame-selection.ts';
import { type FrameRun, readRuns, type SelectedSet } from './merge-frame-sets.ts';
import type { FrameListQuery, FrameSource } from './schemas.ts';
import { WindowRanges } from './window-ranges.ts';

/** Frames to be shown, apart from their colours. */
interface FramesToShow extends FrameSelection {
  query: FrameSelection['query'] & Pick<FrameListQuery, 'normalization' | 'window'>;
  /** Rows that the answer must have; if a frame set is deleted meanwhile, there are fewer. */
  count: number;
}

/** Rows of one frame set as they are shown. */
export interface ShownRows extends FrameRows {
  frameSet: FrameSet;
}

/** The bitmap of one row, null if none of its pixels is missing. */
export function maskOf({ nulls, width }: FrameRows, index: number): Uint8Array | null {
  const stride = maskStride(width);
  if (nulls === null || !anyMasked(nulls, index * stride, stride)) return null;
  return nulls.subarray(index * stride, (index + 1) * stride);
}

/** The range of grey levels of a whole frame set. */
export function rangeOfSet({ frameSet }: SelectedSet, source: FrameSource): ValueRange {
  const [min, max] =
    source === 'original'
      ? [frameSet.imageMin, frameSet.imageMax]
      : [frameSet.resizedMin, frameSet.resizedMax];
  return { min: min ?? 256, max: max ?? -1 };
}

/** Keeps normalization tables, because ranges repeat. */
export class LevelTables {
  readonly #tables = new Map<number, Uint8Array>();

  of(range: ValueRange): Uint8Array {
    const key = range.min * 512 + range.max;
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = normalizationTable(range);
      if (this.#tables.size >= 1024) this.#tables.clear();
      this.#tables.set(key, table);
    }
    return table;
  }
}

/** Turns stored rows of one frame set into rows as they are shown: at their final width, normalized, not coloured yet. */
function createPreparer(
  pool: Pool,
  set: SelectedSet,
  query: FramesToShow['query'],
  tables: LevelTables,
): (run: FrameRun) => Promise<ShownRows> {
  const { frameSet, sourceWidth, width } = set;
  const { normalization, source } = query;
  const { kernel } = frameSet.options as { kernel: ResampleKernel };
  const resample = sourceWidth === width ? undefined : createResampler(sourceWidth, width, kernel);
  const ranges = normalization === 'dynamic' ? new WindowRanges(pool, set.query, query) : undefined;
  const sourceStride = maskStride(sourceWidth);
  return async ({ rows, from, to }) => {
    const count = to - from;
    const shown: ShownRows = {
      frameSet,
      count,
      width,
      ids: rows.ids.subarray(8 * from, 8 * to),
      depths: rows.depths.subarray(8 * from, 8 * to),
      rows: rows.rows.subarray(4 * from, 4 * to),
      pixels: rows.pixels.subarray(from * sourceWidth, to * sourceWidth),
      nulls: rows.nulls?.subarray(from * sourceStride, to * sourceStride) ?? null,
    };
    if (resample) {
      const { pixels, nulls } = shown;
      shown.pixels = new Uint8Array(count * width);
      shown.nulls = nulls ? new Uint8Array(count * maskStride(width)) : null;
      resample({ pixels, nulls }, count, shown);
    }
    // Grey levels are changed in place, because nobody else uses the memory.
    if (normalization === 'static') {
      mapLevels(shown.pixels, 0, count * width, tables.of(rangeOfSet(set, source)));
    }
    for (let index = 0; ranges !== undefined && index < count; index++) {
      const range = await ranges.rangeAt(depthAt(shown, index));
      mapLevels(shown.pixels, index * width, width, tables.of(range));
    }
    return shown;
  };
}

/**
 * Reads the rows of a selection as they are shown, batch by batch.
 * @throws AppError `conflict` if rows are deleted meanwhile
 */
export async function* readShownRows(
  pool: Pool,
  { sets, source, query, count }: FramesToShow,
  batchPixels?: number,
): AsyncGenerator<ShownRows, void, undefined> {
  const tables = new LevelTables();
  const preparers = new Map<SelectedSet, ReturnType<typeof createPreparer>>();
  let read = 0;
  for await (const run of readRuns(pool, sets, { source, limit: count, batchPixels })) {
    read += run.to - run.from;
    const prepare = preparers.get(run.set) ?? createPreparer(pool, run.set, query, tables);
    preparers.set(run.set, prepare);
    yield await prepare(run);
  }
  if (read < count) {
    throw new AppError('conflict', `${count - read} of ${count} frames were deleted while they were read.`);
  }
}
