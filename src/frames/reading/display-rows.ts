import type { Pool } from 'pg';
import { AppError } from '../../core/errors.ts';
import { mapLevels, normalizationTable, type ValueRange } from '../rows/normalize.ts';
import { anyMasked, maskStride } from '../rows/null-mask.ts';
import { createResampler } from '../rows/resample.ts';
import type { ResampleKernel, Resampler } from '../rows/resampler.ts';
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

interface SetState {
  resampler: Resampler | undefined;
  ranges: WindowRanges | undefined;
}

/** Turns stored rows into rows as they are shown: at their final width and normalized, but not coloured yet. */
class RowPreparer {
  readonly #pool: Pool;
  readonly #query: FramesToShow['query'];
  readonly #states = new Map<SelectedSet, SetState>();
  readonly #tables = new LevelTables();

  constructor(pool: Pool, query: FramesToShow['query']) {
    this.#pool = pool;
    this.#query = query;
  }

  async prepare({ set, rows, from, to }: FrameRun): Promise<FrameRows> {
    const state = this.#stateOf(set);
    const { width } = set;
    const count = to - from;
    const sourceStride = maskStride(set.sourceWidth);
    const shown: FrameRows = {
      count,
      width,
      ids: rows.ids.subarray(8 * from, 8 * to),
      depths: rows.depths.subarray(8 * from, 8 * to),
      rows: rows.rows.subarray(4 * from, 4 * to),
      pixels: rows.pixels.subarray(from * set.sourceWidth, to * set.sourceWidth),
      nulls: rows.nulls?.subarray(from * sourceStride, to * sourceStride) ?? null,
    };
    if (state.resampler) {
      const { pixels, nulls } = shown;
      shown.pixels = new Uint8Array(count * width);
      shown.nulls = nulls ? new Uint8Array(count * maskStride(width)) : null;
      state.resampler({ pixels, nulls }, count, shown);
    }
    await this.#normalize(shown, set, state);
    return shown;
  }

  #stateOf(set: SelectedSet): SetState {
    let state = this.#states.get(set);
    if (state === undefined) {
      const { frameSet, sourceWidth, width, query } = set;
      const { kernel } = frameSet.options as { kernel: ResampleKernel };
      const { normalization } = this.#query;
      state = {
        resampler: sourceWidth === width ? undefined : createResampler(sourceWidth, width, kernel),
        ranges: normalization === 'dynamic' ? new WindowRanges(this.#pool, query, this.#query) : undefined,
      };
      this.#states.set(set, state);
    }
    return state;
  }

  /** Changes grey levels in place: nobody else uses the memory. */
  async #normalize(shown: FrameRows, set: SelectedSet, { ranges }: SetState): Promise<void> {
    const { count, width, pixels } = shown;
    if (this.#query.normalization === 'static') {
      mapLevels(pixels, 0, count * width, this.#tables.of(rangeOfSet(set, this.#query.source)));
    }
    if (ranges === undefined) return;
    for (let index = 0; index < count; index++) {
      const range = await ranges.rangeAt(depthAt(shown, index));
      mapLevels(pixels, index * width, width, this.#tables.of(range));
    }
  }
}

/**
 * Reads the rows of a selection as they are shown, batch by batch.
 * @throws AppError `conflict` if rows are deleted meanwhile
 */
export async function* readShownRows(
  pool: Pool,
  { sets, source, query, count }: FramesToShow,
  batchPixels?: number,
): AsyncGenerator<FrameRows, void, undefined> {
  const preparer = new RowPreparer(pool, query);
  let read = 0;
  for await (const run of readRuns(pool, sets, { source, limit: count, batchPixels })) {
    read += run.to - run.from;
    yield await preparer.prepare(run);
  }
  if (read < count) {
    throw new AppError('conflict', `${count - read} of ${count} frames were deleted while they were read.`);
  }
}
