import type { ImageFormat } from '../pictures/formats.ts';
import type { Input } from '../work/inputs.ts';
import { decodeCost, megapixels, USUAL_SIZE } from '../work/operation.ts';
import { pointerAt } from './operations/operation.ts';
import { OPERATIONS } from './operations/registry.ts';
import type { Output } from './output.ts';
import type { Pipeline } from './pipeline.ts';

/** Milliseconds to encode a million pixels of a photo with default options. */
const ENCODE_MS: Record<ImageFormat, number> = {
  jpeg: 6,
  tiff: 45,
  png: 45,
  webp: 65,
  gif: 440,
  avif: 1450,
};
const LOSSLESS_WEBP_MS = 415;

/** Milliseconds of an ordinary step for a million pixels of its input and result. */
const STEP_MS = 5;

/** Estimated milliseconds of work of one core: decoding all inputs, the steps, and encoding the result. */
export function pipelineCost({ operations, output }: Pipeline, inputs: readonly Input[]): number {
  let size = inputs[0]?.dimensions ?? USUAL_SIZE;
  let cost = inputs.reduce((sum, input) => sum + decodeCost(input), 0);
  try {
    for (const [index, step] of operations.entries()) {
      const before = size;
      size = OPERATIONS[step.op].measure(before, step, pointerAt(index));
      cost += STEP_MS * (megapixels(before) + megapixels(size));
    }
  } catch {
    // The parameters do not fit the picture, so the work will end before it begins.
    return 1;
  }
  return cost + encodeMs(output) * megapixels(size);
}

function encodeMs({ format, lossless }: Output): number {
  return format === 'webp' && lossless ? LOSSLESS_WEBP_MS : ENCODE_MS[format];
}
