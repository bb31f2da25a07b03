import { METHODS } from './methods/index.ts';
import type { Method } from './methods/method.ts';
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
 * @throws AppError `validation_failed` for parameters that do not go together
 */
export function completeParams(params: SegmentationParams): SegmentationParams {
  const method: Method = METHODS[params.method];
  method.check?.(params);
  return { segments: 'components', ...method.defaults?.(params), ...params };
}
