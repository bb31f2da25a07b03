import { parameterError, Words } from '../core/faults.ts';
import { decodeMemory, PROCESS_BYTES, toMebibytes } from '../pictures/decode-memory.ts';
import { FORMATS } from '../pictures/formats.ts';
import type { ImageLimits, Size } from '../pictures/types.ts';
import { pointerAt } from './operations/operation.ts';
import { OPERATIONS } from './operations/registry.ts';
import type { Output } from './output.ts';
import type { Pipeline } from './pipeline.ts';
import type { SourcePicture } from './source.ts';

/**
 * Checks the sizes of all results on the way, and the memory for all of it, before any pixel is read. After an operation whose
 * result only the pixels tell, the size is the largest possible one, so the limits of those that follow are not checked here.
 *
 * @throws AppError `output_too_large` with the path of the parameter that makes the result large, or that chooses an encoder with too
 *   little memory; `validation_failed` if parameters do not fit the picture
 */
export async function checkPlan(
  source: SourcePicture,
  { operations, output }: Pipeline,
  limits: ImageLimits,
): Promise<void> {
  let { size, hasAlpha } = source;
  let memory = await decodeMemory(source.file, source.header, source.page);
  for (const [index, step] of operations.entries()) {
    const operation = OPERATIONS[step.op];
    const at = pointerAt(index);
    const before = size;
    size = operation.measure(before, step, at);
    const path = at(operation.sizedBy(step));
    checkResult(size, source.pages, limits, path);
    hasAlpha ||= operation.addsAlpha(step);
    memory = Math.max(memory, stepMemory(before, size, source.pages, hasAlpha));
    checkMemory(memory, limits, path, `a result of ${size.width}×${size.height} pixels`);
    if (operation.dependsOnPixels) return;
  }
  const pixels = operations.length === 0 ? 0 : pixelsOf(size) * source.pages * (hasAlpha ? 4 : 3);
  const encoded = PROCESS_BYTES + pixels + pixelsOf(size) * encoderBytes(output);
  const { name } = FORMATS[output.format];
  const kind = output.lossless ? `lossless ${name}` : name;
  checkMemory(encoded, limits, '/output/format', `${kind} of ${size.width}×${size.height} pixels`);
}

/** @param expected what the parameter at `path` should be; by default, one that gives a result within the maximum */
export function checkResult(
  { width, height }: Size,
  pages: number,
  { maxOutputPixels }: ImageLimits,
  path: string,
  expected = `a result of at most ${maxOutputPixels} pixels`,
): void {
  if (width * height * pages <= maxOutputPixels) return;
  const received = new Words(`${width}×${height}${pages === 1 ? '' : ` in ${pages} pages`}`);
  throw parameterError(path, expected, received, 'output_too_large');
}

function checkMemory(bytes: number, { maxDecodeBytes }: ImageLimits, path: string, what: string): void {
  if (bytes <= maxDecodeBytes) return;
  const expected = `a result that can be made in ${toMebibytes(maxDecodeBytes)} MiB of memory`;
  const received = new Words(`${what}, which needs about ${toMebibytes(bytes)} MiB`);
  throw parameterError(path, expected, received, 'output_too_large');
}

const pixelsOf = ({ width, height }: Size): number => width * height;

/** Memory while a step turns pixels into others: both, and one more copy of a page of the result. */
function stepMemory(before: Size, after: Size, pages: number, hasAlpha: boolean): number {
  const pixels = (pixelsOf(before) + pixelsOf(after)) * pages + pixelsOf(after);
  return PROCESS_BYTES + pixels * (hasAlpha ? 4 : 3);
}

/**
 * Bytes of memory per pixel of a page while it is encoded, from 49-megapixel pictures of noise (docs/benchmarks.md). They include
 * what sharp needs to decode the same picture in stripes.
 */
function encoderBytes({ format, lossless, mozjpeg, progressive, palette }: Output): number {
  switch (format) {
    case 'jpeg':
      return mozjpeg || progressive ? 11 : 10;
    case 'png':
      return palette ? 7 : progressive ? 5 : 2.5;
    case 'webp':
      return lossless ? 37 : 10;
    case 'gif':
      return 16;
    case 'tiff':
      return 2;
    case 'avif':
      return 34;
  }
}
