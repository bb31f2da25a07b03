import type { Static } from '@sinclair/typebox';
import type { Pool } from 'pg';
import { AppError } from '../../core/errors.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { findColormap } from '../rows/colormap.ts';
import { RowPngEncoder } from '../rows/png-row.ts';
import type { FrameDetailSchema, FrameQuerySchema } from '../schemas.ts';
import { maskOf, readShownRows } from './display-rows.ts';
import { depthAt, idAt, rowAt } from './frame-rows.ts';
import { selectFrames } from './frame-selection.ts';

export interface FrameDetail {
  detail: Omit<Static<typeof FrameDetailSchema>, 'image'>;
  png: Buffer;
}

/**
 * One frame of a frame set, as a query wants to see it.
 * @throws AppError `validation_failed`; `not_found` where it has been deleted
 */
export async function readFrame(
  pool: Pool,
  frameSet: FrameSet,
  id: number,
  { source, width, normalization, window, colormap }: Static<typeof FrameQuerySchema>,
): Promise<FrameDetail> {
  const encoder = new RowPngEncoder(findColormap(colormap).table);
  const { sets, ...selection } = selectFrames([frameSet], {
    order: 'file',
    depthMin: Number.NEGATIVE_INFINITY,
    depthMax: Number.POSITIVE_INFINITY,
    source,
    width,
    limit: 1,
    cursor: undefined,
  });
  const alone = sets.map((set) => ({
    ...set,
    query: { ...set.query, after: { ...set.query.after, id: id - 1 }, lastId: id },
  }));
  for await (const rows of readShownRows(pool, { ...selection, sets: alone }, { normalization, window }, 1)) {
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
