import type { Pool } from 'pg';
import type { QualityReport } from '../csv/quality.ts';
import type { FrameRequest } from '../frame-answer.ts';
import { LevelTables, maskOf, rangeOfSet, readShownRows } from '../reading/display-rows.ts';
import { depthAt } from '../reading/frame-rows.ts';
import type { FrameFacts } from '../reading/frame-selection.ts';
import { WindowRanges } from '../reading/window-ranges.ts';
import { composeTables } from '../rows/colormap.ts';
import { mapLevels } from '../rows/normalize.ts';
import {
  createDepthBinner,
  createRowBinner,
  createRowStack,
  type DepthScale,
  type GreyPicture,
  type RowBinner,
} from './row-binner.ts';

/** More than for answers row by row: adding a row to a picture takes a tenth of the time of encoding one. */
const BATCH_PIXELS = 1024 * 1024;

/** How frames become rows of a picture. */
export interface PictureShape {
  width: number;
  /** Undefined: a row for each frame. */
  height: number | undefined;
  scale: 'rows' | 'depth';
}

/** Grey levels of a picture, and the colours of them. */
export interface BuiltPicture {
  picture: GreyPicture;
  table: Uint8Array;
}

/** The depths of a picture's edges: half a typical step beyond the first and the last frame. */
function depthScale({ selection }: FrameRequest, { depthMin, depthMax }: FrameFacts): DepthScale {
  const steps = selection.sets.flatMap(
    ({ frameSet }) => (frameSet.quality as unknown as QualityReport).step?.typical ?? [],
  );
  const least = Math.min(...steps);
  const step = Number.isFinite(least) && least > 0 ? least : 1;
  return { from: (depthMin ?? 0) - step / 2, to: (depthMax ?? 0) + step / 2, step };
}

/** Finds the depth in the middle of each picture row while the frames go by. */
class RowCentres {
  readonly depths: Float64Array;
  readonly #frames: number;
  #y = 0;
  #index = 0;

  constructor(height: number, frames: number) {
    this.depths = new Float64Array(height);
    this.#frames = frames;
  }

  add(depth: number): void {
    const { depths } = this;
    const height = depths.length;
    while (this.#y < height && Math.floor(((2 * this.#y + 1) * this.#frames) / (2 * height)) <= this.#index) {
      depths[this.#y++] = depth;
    }
    this.#index++;
  }
}

/**
 * Makes a picture of frames, in the memory of that picture. The order is: average, normalize, colour. Only where several
 * frame sets meet in one picture are rows normalized first, each by its own frame set.
 */
export async function buildPicture(
  pool: Pool,
  frames: FrameRequest,
  facts: FrameFacts,
  { width, height: asked, scale }: PictureShape,
  signal: AbortSignal,
): Promise<BuiltPicture> {
  const { selection, levels, colormap } = frames;
  const height = asked ?? facts.count;
  const [only, ...others] = selection.sets;
  const depths = scale === 'depth' ? depthScale(frames, facts) : undefined;
  // One frame for each row: nothing is averaged, and normalizing first gives the same.
  const isAveraged = depths !== undefined || height !== facts.count;
  const binner: RowBinner = depths
    ? createDepthBinner(width, height, depths)
    : isAveraged
      ? createRowBinner(width, height, facts.count)
      : createRowStack(width, height);
  const centres = new RowCentres(height, facts.count);
  const isNormalizedLast = isAveraged && others.length === 0;
  const rowLevels = isNormalizedLast ? { ...levels, normalization: 'none' as const } : levels;
  for await (const rows of readShownRows(pool, selection, rowLevels, facts.count, BATCH_PIXELS)) {
    signal.throwIfAborted();
    for (let index = 0; index < rows.count; index++) {
      const depth = depthAt(rows, index);
      binner.add(depth, rows.pixels, index * width, maskOf(rows, index));
      centres.add(depth);
    }
  }
  const picture = binner.finish();
  if (!isNormalizedLast || only === undefined) return { picture, table: colormap.table };
  const tables = new LevelTables();
  if (levels.normalization === 'static') {
    const range = rangeOfSet(only, selection.filter.source);
    return { picture, table: composeTables(tables.of(range), colormap.table) };
  }
  if (levels.normalization === 'dynamic') {
    const ranges = new WindowRanges(pool, only.query, {
      source: selection.filter.source,
      window: levels.window,
    });
    for (let y = 0; y < height; y++) {
      signal.throwIfAborted();
      const centre = depths
        ? depths.from + ((y + 0.5) * (depths.to - depths.from)) / height
        : (centres.depths[y] as number);
      mapLevels(picture.pixels, y * width, width, tables.of(await ranges.rangeAt(centre)));
    }
  }
  return { picture, table: colormap.table };
}
