import { canonicalColor } from '../core/color.ts';
import { METHODS } from './methods/index.ts';
import { DEFAULT_METHOD, type Method } from './methods/method.ts';
import type { SegmentationParams } from './schemas.ts';

/** Adds the default method to a body without one, so that the body is validated by that method's schema. */
export function nameMethod(body: unknown): unknown {
  if (body === undefined) return { method: DEFAULT_METHOD };
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (!isObject || 'method' in body) return body;
  return { method: DEFAULT_METHOD, ...body };
}

/**
 * Completes parameters that fit their method's schema with the defaults that depend on other parameters, so that equal
 * work has equal parameters.
 *
 * @throws AppError `validation_failed` for parameters that do not fit together
 */
export function completeParams(params: SegmentationParams): SegmentationParams {
  const method: Method = METHODS[params.method];
  method.check?.(params);
  const spelled =
    'color' in params && params.color !== undefined ? { color: canonicalColor(params.color) } : {};
  return { segments: 'components', ...method.defaults?.(params), ...params, ...spelled };
}
