import { parameterError } from '../core/faults.ts';
import type { SegmentationParams } from './schemas.ts';

/** Names the method in a body that names none, so that its schema is the one that is held to. */
export function nameMethod(body: unknown): unknown {
  if (body === undefined) return { method: 'otsu' };
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (!isObject || 'method' in body) return body;
  return { method: 'otsu', ...body };
}

/**
 * Parameters that fit the schema of their method, completed with the defaults that depend on others, so that equal work has
 * equal parameters.
 *
 * @throws AppError `validation_failed` for a fault that lies between parameters
 */
export function completeParams(params: SegmentationParams): SegmentationParams {
  checkCombination(params);
  return { ...computedDefaults(params), ...params };
}

/**
 * Longest side of the copy that grabcut works on: its graph cut takes 1 to 4 s a megapixel and iteration. On a copy of
 * half the size it may settle in another local optimum (overlap of 0.6 to 0.99 on a photo of 600 × 400).
 */
const GRABCUT_WORKING_SIZE = 640;

/** Defaults that depend on the other parameters. */
function computedDefaults(params: SegmentationParams): {
  segments: 'components' | 'classes';
  working_size?: number;
} {
  switch (params.method) {
    case 'kmeans':
      return { segments: 'classes' };
    case 'multi_otsu':
      return { segments: params.classes > 2 ? 'classes' : 'components' };
    case 'grabcut':
      return { segments: 'components', working_size: GRABCUT_WORKING_SIZE };
    default:
      return { segments: 'components' };
  }
}

/** Faults between parameters that need no picture to be seen. */
function checkCombination(params: SegmentationParams): void {
  switch (params.method) {
    case 'threshold':
      if (params.value === undefined && params.adaptive === undefined) {
        throw parameterError('/value', 'a global threshold, or adaptive instead,', undefined);
      }
      if (params.value !== undefined && params.adaptive !== undefined) {
        throw parameterError('/adaptive', 'no value together with value', params.adaptive);
      }
      if (params.block_size % 2 === 0) {
        throw parameterError('/block_size', 'an odd integer', params.block_size);
      }
      return;
    case 'color':
      if (params.color === undefined && params.point === undefined) {
        throw parameterError('/color', 'a colour, or a point to take it from,', undefined);
      }
      return;
    case 'multi_otsu':
      if (params.classes > 2) checkTwoClassMorphology(params);
      return;
    case 'kmeans':
      checkTwoClassMorphology(params);
      return;
    case 'watershed':
      if (params.markers.from !== 'levels') checkTwoClassMorphology(params);
      else if (params.markers.low >= params.markers.high) {
        throw parameterError(
          '/markers/low',
          `a level below high (${params.markers.high})`,
          params.markers.low,
        );
      }
      return;
    default:
  }
}

/** Opening and closing are defined on a foreground and a background; between several classes no order is right. */
function checkTwoClassMorphology(params: SegmentationParams): void {
  for (const name of ['open', 'close'] as const) {
    if (params[name] > 0) {
      throw parameterError(`/${name}`, `0, since ${params.method} gives several classes here,`, params[name]);
    }
  }
}
