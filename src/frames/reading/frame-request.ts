import { parameterError } from '../../core/faults.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import type { QualityReport } from '../csv/quality.ts';
import type { FrameRequest } from '../frame-answer.ts';
import { findColormap } from '../rows/colormap.ts';
import type { FrameListQuery } from '../schemas.ts';
import { selectFrames } from './frame-selection.ts';

/** @throws AppError `validation_failed` for a range of depths that is none */
export function depthRange({ depth_min, depth_max }: FrameListQuery): { depthMin: number; depthMax: number } {
  const [depthMin, depthMax] = [depth_min ?? Number.NEGATIVE_INFINITY, depth_max ?? Number.POSITIVE_INFINITY];
  if (depthMin > depthMax) {
    throw parameterError('/depth_min', `a number up to depth_max, which is ${depthMax},`, depthMin);
  }
  return { depthMin, depthMax };
}

function depthOrderOf(set: FrameSet): QualityReport['depth_order'] {
  return (set.quality as unknown as QualityReport).depth_order;
}

/**
 * What a query asks of frame sets.
 * @throws AppError `validation_failed`
 */
export function readFrameRequest(query: FrameListQuery, frameSets: readonly FrameSet[]): FrameRequest {
  const { normalization, window, order } = query;
  if (
    normalization === 'dynamic' &&
    order === 'file' &&
    frameSets.some((set) => depthOrderOf(set) !== 'ascending')
  ) {
    const expected = 'none or static (or order=depth, since the depths of a file do not rise)';
    throw parameterError('/normalization', expected, normalization);
  }
  const selection = selectFrames(frameSets, {
    order,
    ...depthRange(query),
    source: query.source,
    width: query.width,
    limit: query.limit,
    cursor: query.cursor,
  });
  return { selection, levels: { normalization, window }, colormap: findColormap(query.colormap) };
}

/** @throws AppError `validation_failed` where rows have several widths, although they are to make one table or picture */
export function requireCommonWidth({ selection }: FrameRequest): void {
  const widths = [...new Set(selection.sets.map(({ width }) => width))];
  if (widths.length < 2) return;
  const shown = widths.sort((a, b) => a - b).join(', ');
  throw parameterError(
    '/width',
    `a width (or a frame_set_id), since the frame sets have rows of ${shown} pixels,`,
    undefined,
  );
}
