import type { LoadRequest } from './load.ts';

/**
 * Different segmentations of one picture at about the same cost.
 *
 * @param first offset; generators with the same parameters differ if their offsets do
 */
export function* segmentationRequests(
  imageId: string,
  params: object,
  first = 0,
): Generator<LoadRequest, never> {
  // A photo never reaches this limit.
  for (let limit = 65_535 - first; ; limit -= 1) {
    yield {
      method: 'POST',
      path: `/images/${imageId}/segmentation`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...params, max_segments: limit }),
    };
  }
}
