import { parameterError, Words } from '../core/faults.ts';
import { isGrey, parseColor } from '../pictures/color.ts';
import { decoding } from '../pictures/decode-failure.ts';
import { FORMATS } from '../pictures/formats.ts';
import type { ImageLimits, Size } from '../pictures/types.ts';
import { encode, type TransformResult } from './encode.ts';
import { openWithMetadata } from './metadata-carrier.ts';
import { type Apply, type At, type CompileContext, pointerAt, referenceKey } from './operations/operation.ts';
import { type AnyOperation, OPERATIONS, type OperationStep } from './operations/registry.ts';
import { holdsAlpha } from './output.ts';
import type { TransformTask } from './pipeline.ts';
import {
  createRaster,
  frameOf,
  joinChannels,
  type Raster,
  sheetOf,
  splitAlpha,
  toColorPixels,
} from './raster.ts';
import { openSource, type Picture, type SourcePicture } from './source.ts';

/** One operation, made ready for the picture before it. */
interface Stage {
  operation: AnyOperation;
  step: OperationStep;
  apply: Apply;
  /** Of a frame after it; where only pixels tell, the largest possible one. */
  size: Size;
  isGrey: boolean;
}

/**
 * Does a canonical pipeline: reads the source, does one operation after the other, and writes the encoded result.
 *
 * sharp has one place for each operation and its own order among them, so each is a pipeline of its own, and pixels
 * (8-bit sRGB, not encoded) go from one to the next. The first decodes and the last encodes where that changes
 * nothing: a single resize is one sharp pipeline from file to bytes, with JPEG's shrink-on-load.
 *
 * @throws AppError `undecodable_image`, `too_many_pixels`, `output_too_large`, or `validation_failed` for parameters
 * that do not fit the picture; paths are those of the canonical pipeline
 */
export async function runTransform(task: TransformTask): Promise<TransformResult> {
  const { pipeline, limits } = task;
  const { operations, output } = pipeline;
  const source = await openSource(task.source, pipeline.input, output, limits);
  checkAnimation(source, task);

  // Encoders would write the extra bands, too.
  let picture: SourcePicture | Raster = source.hasExtraBands ? await decode(source, task) : source;
  for (const [index, step] of operations.entries()) {
    const stage = await prepare(step, index, picture, task);
    if (!isRaster(picture) && !canDecode(stage, picture)) picture = await decode(picture, task);
    const isLast = index === operations.length - 1;
    if (isLast && canEncode(stage, picture, source, task)) {
      return write(stage.apply(picture.open()), { ...stage, frames: 1 }, source, task);
    }
    picture = await run(stage, picture, task);
  }
  const isFlattened = picture.hasAlpha && !holdsAlpha(output);
  const matte = output.matte ?? '#ffffff';
  const image =
    isRaster(picture) && keepsAnything(source)
      ? await openWithMetadata(picture, source.kept)
      : picture.open();
  if (isFlattened) image.flatten({ background: parseColor(matte) });
  const grey = picture.isGrey && (!isFlattened || isGrey(matte));
  return write(image, { ...picture, isGrey: grey }, source, task);
}

function keepsAnything({ kept }: SourcePicture): boolean {
  return Object.values(kept).some((block) => block !== undefined);
}

function isRaster(picture: SourcePicture | Raster): picture is Raster {
  return 'data' in picture;
}

/** Refuses what would break an animation, and says how to take one frame of it. */
function checkAnimation({ frames, size }: SourcePicture, { pipeline, limits }: TransformTask): void {
  if (frames === 1) return;
  const reasons = pipeline.operations.flatMap((step) => {
    const { animated, needsStill } = OPERATIONS[step.op];
    return animated ? (needsStill?.(step) ?? []) : `${step.op} gives frames of different sizes`;
  });
  const { format, keep_metadata, color_profile } = pipeline.output;
  if (!FORMATS[format].animation) reasons.push(`${FORMATS[format].name} holds no animation`);
  if (keep_metadata || color_profile === 'keep') {
    reasons.push('metadata and profiles of animations are not kept');
  }
  const oneFrame = `one frame of the animation, from 0 to ${frames - 1},`;
  if (reasons.length > 0) {
    throw parameterError('/input/page', `${oneFrame} since ${reasons.join(' and ')},`, undefined);
  }
  checkPixels(size, frames, limits, '/input/page', `${oneFrame} or all with`);
}

/** @param expected what the result is of, before how many pixels it may have */
function checkPixels(
  { width, height }: Size,
  frames: number,
  limits: ImageLimits,
  path: string,
  expected = 'a result of',
): void {
  if (width * height * frames <= limits.maxOutputPixels) return;
  const all = frames === 1 ? '' : ` in ${frames} frames`;
  throw parameterError(
    path,
    `${expected} at most ${limits.maxOutputPixels} pixels`,
    new Words(`${width}×${height}${all}`),
    'output_too_large',
  );
}

async function prepare(
  step: OperationStep,
  index: number,
  picture: Picture,
  task: TransformTask,
): Promise<Stage> {
  const operation = OPERATIONS[step.op];
  const at = pointerAt(index);
  const size = operation.measure(picture.size, step, at);
  checkPixels(size, picture.frames, task.limits, at(operation.sizedBy(step)));
  const apply = await operation.compile(step, contextOf(picture, at, task));
  const change = operation.grey(step);
  return {
    operation,
    step,
    apply,
    size,
    isGrey: change === 'makes' || (change === 'keeps' && picture.isGrey),
  };
}

function contextOf({ size, hasAlpha }: Picture, at: At, { inputs, limits }: TransformTask): CompileContext {
  return {
    size,
    hasAlpha,
    at,
    maxPixels: limits.maxOutputPixels,
    async openInput(reference) {
      const file = inputs[referenceKey(reference)];
      if (file === undefined) throw new Error(`No file was given for ${referenceKey(reference)}`);
      const input = await openSource(file, { page: 0, auto_orient: true }, STRIPPED, limits);
      const pixels = await decoding(file, toColorPixels(input.open()));
      return { image: createRaster(pixels, 1, false).open(), size: pixels.size };
    },
  };
}

const STRIPPED = { keep_metadata: false, color_profile: 'srgb' } as const;

/** Whether an operation gives the same on a file that sharp decodes in the same pipeline as on its pixels. */
function canDecode({ operation, step }: Stage, source: SourcePicture): boolean {
  if (source.frames > 1 || (source.hasAlpha && operation.leavesAlpha)) return false;
  const isPlainResize = step.op === 'resize' && step.fit !== 'contain';
  // sharp turns the picture after it has trimmed or cut it, but knows what that means for a resize.
  if (source.isTurned && !isPlainResize) return false;
  // In one channel, colours would get lost; in CMYK, JPEG's shrink-on-load would come before the profile.
  return source.space === 'srgb' || (source.space === 'b-w' && isPlainResize);
}

/** Whether the last operation can encode its result in the same pipeline. */
function canEncode(
  { operation, step, size }: Stage,
  picture: SourcePicture | Raster,
  source: SourcePicture,
  { pipeline: { output } }: TransformTask,
): boolean {
  // Pixels carry no metadata.
  if (isRaster(picture) && keepsAnything(source)) return false;
  if (picture.frames > 1 || (picture.hasAlpha && operation.leavesAlpha)) return false;
  // Flattening would come before the operation, not after it.
  if (!holdsAlpha(output) && (picture.hasAlpha || operation.addsAlpha(step))) return false;
  const { maxSide } = FORMATS[output.format];
  return size.width <= maxSide && size.height <= maxSide;
}

async function decode(source: SourcePicture, task: TransformTask): Promise<Raster> {
  const { data, size, channels } = await decoding(task.source, toColorPixels(source.open()));
  const { frames, isGrey: grey } = source;
  return createRaster(
    { data, size: { width: size.width, height: size.height / frames }, channels },
    frames,
    grey,
  );
}

async function run(stage: Stage, picture: SourcePicture | Raster, task: TransformTask): Promise<Raster> {
  if (!isRaster(picture)) {
    return createRaster(
      await decoding(task.source, toColorPixels(stage.apply(picture.open()))),
      1,
      stage.isGrey,
    );
  }
  const { frames } = picture;
  if (frames === 1) return runStill(stage, picture);
  if (stage.operation.framesTogether) {
    const { data, channels } = await runStill(stage, sheetOf(picture));
    return createRaster({ data, channels, size: stage.size }, frames, stage.isGrey);
  }
  const results: Raster[] = [];
  for (let index = 0; index < frames; index += 1)
    results.push(await runStill(stage, frameOf(picture, index)));
  const [first] = results;
  if (first === undefined) throw new Error('An animation has at least two frames');
  return createRaster(
    { ...first, data: Buffer.concat(results.map(({ data }) => data)) },
    frames,
    stage.isGrey,
  );
}

async function runStill({ operation, apply, isGrey: grey }: Stage, raster: Raster): Promise<Raster> {
  if (!raster.hasAlpha || !operation.leavesAlpha)
    return createRaster(await toColorPixels(apply(raster.open())), 1, grey);
  const { color, alpha } = splitAlpha(raster);
  const { data, size } = await toColorPixels(apply(color.open()));
  return createRaster({ data: joinChannels(data, 3, alpha), size, channels: 4 }, 1, grey);
}

interface Result {
  size: Size;
  frames: number;
  isGrey: boolean;
}

async function write(
  image: ReturnType<Apply>,
  { size, frames, isGrey: grey }: Result,
  source: SourcePicture,
  { source: file, pipeline: { operations, output }, outputPath }: TransformTask,
): Promise<TransformResult> {
  const { name, maxSide } = FORMATS[output.format];
  if (size.width > maxSide || size.height > maxSide) {
    throw parameterError(
      '/output/format',
      `a format that holds ${size.width}×${size.height} pixels (${name}: at most ${maxSide} a side)`,
      output.format,
      'output_too_large',
    );
  }
  const encoding = encode(image, {
    output,
    timeline: frames > 1 ? source.timeline : undefined,
    isGrey: grey && source.kept.icc === undefined,
    reusesPalette: operations.length === 0,
    pixels: size.width * size.height * frames,
    path: outputPath,
  });
  return decoding(file, encoding);
}
