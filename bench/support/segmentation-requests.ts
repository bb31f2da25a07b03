import type { LoadRequest } from './load.ts';

/**
 * Segmentations of one picture, never the same one twice; alike in cost.
 *
 * @param first where another generator with the same parameters starts elsewhere, theirs differ too
 */
export function* segmentationRequests(
  imageId: string,
  params: object,
  first = 0,
): Generator<LoadRequest, never> {
  // No photo has so many segments that the limit is reached.
  for (let limit = 65_535 - first; ; limit -= 1) {
    yield {
      method: 'POST',
      path: `/images/${imageId}/segmentation`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...params, max_segments: limit }),
    };
  }
}
