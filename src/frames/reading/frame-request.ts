import { createHash } from 'node:crypto';
import { parameterError } from '../../core/faults.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { type Colormap, findColormap } from '../rows/colormap.ts';
import { qualityOf } from '../rows/quality.ts';
import { type FrameFacts, type FrameSelection, selectFrames } from './frame-selection.ts';
import type { FrameListQuery } from './schemas.ts';

/** Frames that a request asks for, and how they are to look. */
export interface FrameRequest extends FrameSelection {
  query: FrameListQuery;
  colormap: Colormap;
}

/** The same once they are counted. */
export interface CountedFrames extends FrameRequest, FrameFacts {}

/**
 * What a query asks of frame sets.
 * @throws AppError `validation_failed`
 */
export function readFrameRequest(query: FrameListQuery, frameSets: readonly FrameSet[]): FrameRequest {
  const { normalization, order, depth_min, depth_max } = query;
  if (
    normalization === 'dynamic' &&
    order === 'file' &&
    frameSets.some((set) => qualityOf(set).depth_order !== 'ascending')
  ) {
    const expected = 'none or static (or order=depth, since the depths of a file do not rise)';
    throw parameterError('/normalization', expected, normalization);
  }
  if (depth_min !== undefined && depth_max !== undefined && depth_min > depth_max) {
    throw parameterError('/depth_min', `a number up to depth_max, which is ${depth_max},`, depth_min);
  }
  return { ...selectFrames(query, frameSets), query, colormap: findColormap(query.colormap) };
}

/** The width of all rows; undefined if there are none, or they have several. */
export function commonWidth({ sets }: FrameRequest): number | undefined {
  const widths = new Set(sets.map(({ width }) => width));
  return widths.size === 1 ? [...widths][0] : undefined;
}

/** @throws AppError `validation_failed` if rows that are to make one table or picture have several widths */
export function requireCommonWidth({ sets }: FrameRequest): void {
  const widths = [...new Set(sets.map(({ width }) => width))];
  if (widths.length < 2) return;
  const shown = widths.sort((a, b) => a - b).join(', ');
  throw parameterError(
    '/width',
    `a width (or a frame_set_id), since the frame sets have rows of ${shown} pixels,`,
    undefined,
  );
}

/**
 * The entity tag of an answer: frames never change, so it follows from which frame sets there are and what is asked for.
 */
export function frameEtag({ query, sets, colormap }: FrameRequest, variant: unknown): string {
  const identity = [
    query,
    sets.map(({ frameSet }) => frameSet.id),
    Buffer.from(colormap.table).toString('base64'),
    variant,
  ];
  return `W/"${createHash('sha256').update(JSON.stringify(identity)).digest('base64url')}"`;
}
