import type { FrameSet } from '../db/generated/client.ts';
import { AppError } from '../errors.ts';
import { relocateFaults, validationFailed } from '../http/validation.ts';
import { type Colormap, findColormap } from './colormap.ts';
import type { FrameRequest } from './frame-answer.ts';
import { selectFrames } from './frame-selection.ts';
import type { QualityReport } from './quality.ts';
import type { FrameListQuery } from './schemas.ts';

/** @throws AppError `validation_failed` at `/colormap` of the query */
export function colormapOf(text: string): Colormap {
  try {
    return findColormap(text);
  } catch (error) {
    throw relocateFaults(error, { location: 'query', pathOf: (path) => path });
  }
}

/** @throws AppError `validation_failed` for a range of depths that is none */
export function depthRange({ depth_min, depth_max }: FrameListQuery): { depthMin: number; depthMax: number } {
  const [depthMin, depthMax] = [depth_min ?? Number.NEGATIVE_INFINITY, depth_max ?? Number.POSITIVE_INFINITY];
  if (depthMin > depthMax) {
    const message = `must be at most depth_max: ${depthMin} is greater than ${depthMax}`;
    throw validationFailed([{ location: 'query', path: '/depth_min', message }]);
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
    const message = 'dynamic goes with order=depth, where the depths of a file do not rise';
    throw validationFailed([{ location: 'query', path: '/normalization', message }]);
  }
  const selection = selectFrames(frameSets, {
    order,
    ...depthRange(query),
    source: query.source,
    width: query.width,
    limit: query.limit,
    cursor: query.cursor,
  });
  return { selection, levels: { normalization, window }, colormap: colormapOf(query.colormap) };
}

/** @throws AppError `validation_failed` where rows have several widths, although they are to make one table or picture */
export function requireCommonWidth({ selection }: FrameRequest): void {
  const widths = [...new Set(selection.sets.map(({ width }) => width))];
  if (widths.length < 2) return;
  throw new AppError(
    'validation_failed',
    `The frame sets have rows of ${widths.sort((a, b) => a - b).join(', ')} pixels: choose a width or a frame_set_id.`,
    {
      errors: [
        { location: 'query', path: '/width', message: 'is required: the frame sets have several widths' },
      ],
    },
  );
}
