import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { clip, parameterError } from '../../core/faults.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { type Colormap, findColormap } from '../rows/colormap.ts';
import { qualityOf } from '../rows/quality.ts';
import { type FrameFacts, type FrameSelection, selectFrames, setsWithFrames } from './frame-selection.ts';
import type { FrameListQuery } from './schemas.ts';

/** The frames that a request asks for, and how they are shown. */
export interface FrameRequest extends FrameSelection {
  query: FrameListQuery;
  colormap: Colormap;
}

export type CountedFrames = FrameRequest & FrameFacts;

/** @throws AppError `validation_failed` */
export function readFrameRequest(query: FrameListQuery, frameSets: readonly FrameSet[]): FrameRequest {
  const { normalization, order, depth_min, depth_max } = query;
  if (
    normalization === 'dynamic' &&
    order === 'file' &&
    frameSets.some((set) => qualityOf(set).depth_order !== 'ascending')
  ) {
    const expected =
      'none or static (dynamic needs order=depth, because the depths of this log do not increase in file order)';
    throw parameterError('/normalization', expected, normalization);
  }
  if (depth_min !== undefined && depth_max !== undefined && depth_min > depth_max) {
    throw parameterError('/depth_min', `a number of at most depth_max (${depth_max})`, depth_min);
  }
  return { ...selectFrames(query, frameSets), query, colormap: findColormap(query.colormap) };
}

/** The widths of all rows, rising. */
function widthsOf({ sets }: FrameRequest): number[] {
  return [...new Set(sets.map(({ width }) => width))].sort((a, b) => a - b);
}

/** The width of all rows; undefined if there are no rows, or they have several widths. */
export function commonWidth(frames: FrameRequest): number | undefined {
  const widths = widthsOf(frames);
  return widths.length === 1 ? widths[0] : undefined;
}

/** @throws AppError `validation_failed` if the rows have several widths, so that they do not fit one table or picture */
export function requireCommonWidth(frames: FrameRequest): void {
  const widths = widthsOf(frames);
  if (widths.length < 2) return;
  const expected = `a width or a frame_set_id, because the selected rows are ${widths.join(', ')} pixels wide,`;
  throw parameterError('/width', expected, undefined);
}

/** Frame sets that a refusal lists. */
const MAX_LISTED = 5;

/**
 * Refuses to put several frame sets into one picture or table, unless the request names them.
 *
 * @throws AppError `validation_failed` that lists the frame sets
 */
export async function refuseUnaskedMixture(pool: Pool, frames: FrameRequest): Promise<void> {
  const { query, sets } = frames;
  if (query.frame_set_id !== undefined || sets.length < 2) return;
  const found = await setsWithFrames(pool, sets);
  if (found.length < 2) return;
  const listed = found.slice(0, MAX_LISTED).map(({ frameSet }) => `${frameSet.id} (${clip(frameSet.name)})`);
  const more = found.length > listed.length ? ` and ${found.length - listed.length} more` : '';
  const expected = `a frame set of this range, or several to mix them (${listed.join(', ')}${more}),`;
  throw parameterError('/frame_set_id', expected, undefined);
}

/** The entity tag of an answer. Frames never change, so the frame sets and the query determine it. */
export function frameEtag({ query, sets, colormap }: FrameRequest, variant: unknown): string {
  const identity = [
    query,
    sets.map(({ frameSet }) => frameSet.id),
    Buffer.from(colormap.table).toString('base64'),
    variant,
  ];
  return `W/"${createHash('sha256').update(JSON.stringify(identity)).digest('base64url')}"`;
}
