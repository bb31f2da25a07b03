import type { Pool } from 'pg';
import { AppError } from '../../core/errors.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { findColormap } from '../rows/colormap.ts';
import { RowPngEncoder } from '../rows/png-row.ts';
import { maskOf, readShownRows } from './display-rows.ts';
import { depthAt, idAt, rowAt } from './frame-rows.ts';
import { selectFrames } from './frame-selection.ts';
import type { FrameDetail, FrameQuery } from './schemas.ts';

/**
 * Reads one frame.
 * @throws AppError `validation_failed`; `not_found` if it has been deleted
 */
export async function readFrame(
  pool: Pool,
  frameSet: FrameSet,
  id: number,
  look: FrameQuery,
): Promise<{ detail: Omit<FrameDetail, 'image'>; png: Buffer }> {
  const encoder = new RowPngEncoder(findColormap(look.colormap).table);
  const query = { ...look, order: 'file' as const };
  const { sets, source } = selectFrames(query, [frameSet]);
  const alone = sets.map((set) => ({
    ...set,
    query: { ...set.query, after: { ...set.query.after, id: id - 1 }, lastId: id },
  }));
  for await (const rows of readShownRows(pool, { query, sets: alone, source, count: 1 })) {
    const detail = {
      id: idAt(rows, 0),
      depth: depthAt(rows, 0),
      width: rows.width,
      height: 1,
      frame_set_id: frameSet.id,
      row: rowAt(rows, 0),
    };
    return { detail, png: encoder.encode(rows.pixels, 0, rows.width, maskOf(rows, 0)) };
  }
  throw new AppError('not_found', `There is no frame ${id}.`);
}
