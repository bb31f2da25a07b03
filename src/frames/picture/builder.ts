import type { Pool } from 'pg';
import { LevelTables, maskOf, rangeOfSet, readShownRows } from '../reading/display-rows.ts';
import type { CountedFrames } from '../reading/frame-request.ts';
import { depthAt } from '../reading/frame-rows.ts';
import { WindowRanges } from '../reading/window-ranges.ts';
import { composeTables } from '../rows/colormap.ts';
import { mapLevels } from '../rows/normalize.ts';
import { qualityOf } from '../rows/quality.ts';
import {
  createDepthBinner,
  createRowBinner,
  createRowStack,
  type DepthScale,
  type GreyPicture,
  type RowBinner,
} from './row-binner.ts';
import type { FramePictureParams } from './schemas.ts';

/** More than for answers of rows, because adding a row to a picture takes far less time than encoding one. */
const BATCH_PIXELS = 1024 * 1024;

/** The grey levels of a picture, and their colours. */
export interface BuiltPicture {
  picture: GreyPicture;
  table: Uint8Array;
}

/** The depths of a picture's edges: half a typical step beyond the first and the last frame. */
function depthScale({ sets, depthMin, depthMax }: CountedFrames): DepthScale {
  const steps = sets.flatMap(({ frameSet }) => qualityOf(frameSet).step?.typical ?? []);
  const least = Math.min(...steps);
  const step = Number.isFinite(least) && least > 0 ? least : 1;
  return { from: (depthMin ?? 0) - step / 2, to: (depthMax ?? 0) + step / 2, step };
}

/**
 * Makes a picture of frames, in the memory of that picture. Frames are averaged, normalized and coloured, in this order. If
 * the picture shows several frame sets, rows are normalized first, each by its frame set.
 */
export async function buildPicture(
  pool: Pool,
  frames: CountedFrames,
  { width, height, scale }: Pick<FramePictureParams, 'width' | 'height' | 'scale'>,
  signal: AbortSignal,
): Promise<BuiltPicture> {
  const { query, sets, count, colormap } = frames;
  const { normalization, source } = query;
  const [only, ...others] = sets;
  const depths = scale === 'depth' ? depthScale(frames) : undefined;
  // With one frame per row nothing is averaged, and normalizing first gives the same result.
  const isAveraged = depths !== undefined || height !== count;
  const binner: RowBinner = depths
    ? createDepthBinner(width, height, depths)
    : isAveraged
      ? createRowBinner(width, height, count)
      : createRowStack(width, height);
  /** The depth of the frame in the middle of each picture row. */
  const centres = new Float64Array(height);
  let y = 0;
  let frame = 0;
  const isNormalizedLast = isAveraged && others.length === 0;
  const shown: CountedFrames = isNormalizedLast
    ? { ...frames, query: { ...query, normalization: 'none' } }
    : frames;
  for await (const rows of readShownRows(pool, shown, BATCH_PIXELS)) {
    signal.throwIfAborted();
    for (let index = 0; index < rows.count; index++) {
      const depth = depthAt(rows, index);
      binner.add(depth, rows.pixels, index * width, maskOf(rows, index));
      while (y < height && Math.floor(((2 * y + 1) * count) / (2 * height)) <= frame) centres[y++] = depth;
      frame++;
    }
  }
  const picture = binner.finish();
  if (!isNormalizedLast || only === undefined) return { picture, table: colormap.table };
  const tables = new LevelTables();
  if (normalization === 'static') {
    return { picture, table: composeTables(tables.of(rangeOfSet(only, source)), colormap.table) };
  }
  if (normalization === 'dynamic') {
    const ranges = new WindowRanges(pool, only.query, query);
    for (let y = 0; y < height; y++) {
      signal.throwIfAborted();
      const centre = depths
        ? depths.from + ((y + 0.5) * (depths.to - depths.from)) / height
        : (centres[y] as number);
      mapLevels(picture.pixels, y * width, width, tables.of(await ranges.rangeAt(centre)));
    }
  }
  return { picture, table: colormap.table };
}
