import type { Pool } from 'pg';
import { AppError } from '../../core/errors.ts';
import { mapLevels, normalizationTable, type ValueRange } from '../rows/normalize.ts';
import { maskStride } from '../rows/null-mask.ts';
import { createResampler } from '../rows/resample.ts';
import type { PackedRows, ResampleKernel, Resampler } from '../rows/resampler.ts';
import { depthAt } from './frame-rows.ts';
import type { FrameSelection } from './frame-selection.ts';
import { type FrameRun, readRuns, type SelectedSet } from './merge-frame-sets.ts';
import type { FrameListQuery, FrameSource } from './schemas.ts';
import { WindowRanges } from './window-ranges.ts';

/** Frames to be shown, as far as colour does not matter. */
interface FramesToShow extends FrameSelection {
  query: FrameSelection['query'] & Pick<FrameListQuery, 'normalization' | 'window'>;
  /** Rows that have been promised. If a frame set is deleted meanwhile, fewer come, and that is a failure. */
  count: number;
}

/** Rows as they are shown: at their final width, grey levels spread, not coloured yet. */
export interface ShownRows extends PackedRows {
  set: SelectedSet;
  count: number;
  width: number;
  /** Bytes of a row's bitmap. */
  stride: number;
  /** 8 bytes each, big-endian: see `idAt` and `depthAt`. */
  ids: Buffer;
  depths: Buffer;
  /** 4 bytes each: see `rowAt`. */
  rows: Buffer;
}

/** The bitmap of one row, null if no pixel of it is missing. */
export function maskOf({ nulls, stride }: ShownRows, index: number): Uint8Array | null {
  if (nulls === null) return null;
  const mask = nulls.subarray(index * stride, (index + 1) * stride);
  return mask.some((byte) => byte !== 0) ? mask : null;
}

/** The range of a whole frame set. */
export function rangeOfSet({ frameSet }: SelectedSet, source: FrameSource): ValueRange {
  const [min, max] =
    source === 'original'
      ? [frameSet.imageMin, frameSet.imageMax]
      : [frameSet.resizedMin, frameSet.resizedMax];
  return { min: min ?? 256, max: max ?? -1 };
}

/** The tables of ranges that came before: there are at most 32,896. */
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

/** What a frame set needs while its rows are shown. */
interface SetState {
  resampler: Resampler | undefined;
  ranges: WindowRanges | undefined;
}

/** Turns rows as they are stored into rows as they are shown. */
class RowPreparer {
  readonly #pool: Pool;
  readonly #query: FramesToShow['query'];
  readonly #states = new Map<SelectedSet, SetState>();
  readonly #tables = new LevelTables();

  constructor(pool: Pool, query: FramesToShow['query']) {
    this.#pool = pool;
    this.#query = query;
  }

  async prepare({ set, rows, from, to }: FrameRun): Promise<ShownRows> {
    const state = this.#stateOf(set);
    const { width } = set;
    const count = to - from;
    const sourceStride = maskStride(set.sourceWidth);
    const shown: ShownRows = {
      set,
      count,
      width,
      stride: maskStride(width),
      ids: rows.ids.subarray(8 * from, 8 * to),
      depths: rows.depths.subarray(8 * from, 8 * to),
      rows: rows.rows.subarray(4 * from, 4 * to),
      pixels: rows.pixels.subarray(from * set.sourceWidth, to * set.sourceWidth),
      nulls: rows.nulls?.subarray(from * sourceStride, to * sourceStride) ?? null,
    };
    if (state.resampler) {
      const { pixels, nulls } = shown;
      shown.pixels = new Uint8Array(count * width);
      shown.nulls = nulls ? new Uint8Array(count * shown.stride) : null;
      state.resampler.resample({ pixels, nulls }, count, shown);
    }
    await this.#spread(shown, state);
    return shown;
  }

  #stateOf(set: SelectedSet): SetState {
    let state = this.#states.get(set);
    if (state === undefined) {
      const { sourceWidth, width, query } = set;
      const { normalization } = this.#query;
      state = {
        resampler: sourceWidth === width ? undefined : createResampler(sourceWidth, width, kernelOf(set)),
        ranges: normalization === 'dynamic' ? new WindowRanges(this.#pool, query, this.#query) : undefined,
      };
      this.#states.set(set, state);
    }
    return state;
  }

  /** Spreads grey levels in place: the memory is that of this reader alone. */
  async #spread(shown: ShownRows, { ranges }: SetState): Promise<void> {
    const { count, width, pixels, set } = shown;
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

/** The way to another width that the frame set was uploaded with. */
function kernelOf({ frameSet }: SelectedSet): ResampleKernel {
  return (frameSet.options as { kernel: ResampleKernel }).kernel;
}

/**
 * Reads the rows of a selection as they are shown, a batch at a time.
 * @throws AppError `conflict` if rows were deleted meanwhile
 */
export async function* readShownRows(
  pool: Pool,
  { sets, source, query, count }: FramesToShow,
  batchPixels?: number,
): AsyncGenerator<ShownRows, void, undefined> {
  const preparer = new RowPreparer(pool, query);
  let read = 0;
  for await (const run of readRuns(pool, sets, { source, limit: count, batchPixels })) {
    read += run.to - run.from;
    yield await preparer.prepare(run);
  }
  if (read < count) {
    throw new AppError('conflict', `Of ${count} frames ${count - read} were deleted while they were read.`);
  }
}
