import { parameterError, Words } from '../core/faults.ts';
import { decoding } from '../pictures/decode-failure.ts';
import { FORMATS, type ImageFormat } from '../pictures/formats.ts';
import { isTurned } from '../pictures/open.ts';
import type { ImageLimits, Size } from '../pictures/types.ts';
import {
  type ColorPixels,
  createDecoded,
  type DecodedPicture,
  frameOf,
  joinChannels,
  type PipelinePicture,
  sheetOf,
  splitAlpha,
  toColorPixels,
} from './decoded-picture.ts';
import { encode, type TransformResult } from './encode.ts';
import { openWithMetadata } from './metadata-carrier.ts';
import { isGreyColor, parseColor } from './operations/color.ts';
import {
  type Apply,
  type CompileContext,
  pointerAt,
  type Reference,
  referenceKey,
} from './operations/operation.ts';
import { type AnyOperation, OPERATIONS, type OperationStep } from './operations/registry.ts';
import { holdsAlpha, type Output } from './output.ts';
import type { TransformTask } from './pipeline.ts';
import { openSource, type SourcePicture } from './source.ts';

/** One operation, made ready for the picture before it. */
interface Stage {
  operation: AnyOperation;
  step: OperationStep;
  apply: Apply;
  /** Of a frame after it; the largest possible one if only pixels tell. */
  size: Size;
  isGrey: boolean;
}

/**
 * Does a canonical pipeline: reads the source, does one operation after the other, and writes the encoded result.
 *
 * sharp has one place for each operation and its own order among them, so each is a pipeline of its own, and pixels
 * (8-bit sRGB, not encoded) go from one to the next. The first decodes and the last encodes if that changes nothing: a
 * single resize is one sharp pipeline from file to bytes, with JPEG's shrink-on-load.
 *
 * @throws AppError `undecodable_image`, `too_many_pixels`, `output_too_large`, or `validation_failed` for parameters
 * that do not fit the picture; paths are those of the canonical pipeline
 */
export async function runTransform(task: TransformTask): Promise<TransformResult> {
  const { input, operations, output } = task.pipeline;
  const source = await openSource(task.source, input, output, task.limits);
  checkAnimation(source, task);

  // Encoders would write the extra bands, too.
  let picture: PipelinePicture = source.hasExtraBands ? await decode(source, task) : source;
  for (const [index, step] of operations.entries()) {
    const stage = await prepare(step, index, picture, task);
    if (!isDecoded(picture) && !canDecode(stage, picture)) picture = await decode(picture, task);
    const isLast = index === operations.length - 1;
    if (isLast && canEncode(stage, picture, source, output)) {
      return write(stage.apply(picture.open()), { ...stage, frames: 1 }, source, task);
    }
    picture = await run(stage, picture, task);
  }
  return writePicture(picture, source, task);
}

function isDecoded(picture: PipelinePicture): picture is DecodedPicture {
  return 'data' in picture;
}

/** Whether an operation gives the same on a file that sharp decodes in the same pipeline as on its pixels. */
function canDecode(stage: Stage, source: SourcePicture): boolean {
  return isOnePass(stage, source) && turnsFirst(stage, source) && convertsColorsFirst(stage, source);
}

/** Whether the last operation can encode its result in the same pipeline. */
function canEncode(stage: Stage, picture: PipelinePicture, source: SourcePicture, output: Output): boolean {
  return (
    isOnePass(stage, picture) &&
    hasKeptMetadata(picture, source) &&
    !isFlattened(stage, picture, output) &&
    fits(stage.size, output.format)
  );
}

/** Frames are worked on one by one, and colours by themselves if the operation leaves the alpha channel. */
function isOnePass({ operation }: Stage, { frames, hasAlpha }: PipelinePicture): boolean {
  return frames === 1 && !(hasAlpha && operation.leavesAlpha);
}

/** sharp turns the picture after it has trimmed or cut it, but knows what that means for a resize. */
function turnsFirst(stage: Stage, source: SourcePicture): boolean {
  return !isTurned(source) || isPlainResize(stage);
}

/** In one channel, colours would get lost; in CMYK, JPEG's shrink-on-load would come before the profile. */
function convertsColorsFirst(stage: Stage, { header: { space } }: SourcePicture): boolean {
  return space === 'srgb' || (space === 'b-w' && isPlainResize(stage));
}

function isPlainResize({ step }: Stage): boolean {
  return step.op === 'resize' && step.fit !== 'contain';
}

/** Pixels carry no metadata. */
function hasKeptMetadata(picture: PipelinePicture, source: SourcePicture): boolean {
  return !isDecoded(picture) || !keepsAnything(source);
}

function keepsAnything({ kept }: SourcePicture): boolean {
  return Object.values(kept).some((block) => block !== undefined);
}

/** Whether the result is flattened; sharp would do that before the operation, not after it. */
function isFlattened({ operation, step }: Stage, { hasAlpha }: PipelinePicture, output: Output): boolean {
  return !holdsAlpha(output) && (hasAlpha || operation.addsAlpha(step));
}

function fits({ width, height }: Size, format: ImageFormat): boolean {
  return Math.max(width, height) <= FORMATS[format].maxSide;
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
  checkResult(size, frames, limits, '/input/page', `${oneFrame} or all with`);
}

/** @param expected what the result is of, before how many pixels it may have */
function checkResult(
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
  { size: sizeBefore, frames, hasAlpha, isGrey }: PipelinePicture,
  task: TransformTask,
): Promise<Stage> {
  const operation = OPERATIONS[step.op];
  const at = pointerAt(index);
  const size = operation.measure(sizeBefore, step, at);
  checkResult(size, frames, task.limits, at(operation.sizedBy(step)));
  const apply = await operation.compile(step, {
    size: sizeBefore,
    hasAlpha,
    at,
    maxPixels: task.limits.maxOutputPixels,
    openInput: (reference) => openInput(reference, task),
  });
  const change = operation.grey(step);
  return { operation, step, apply, size, isGrey: change === 'makes' || (change === 'keeps' && isGrey) };
}

async function openInput(
  reference: Reference,
  { inputs, limits }: TransformTask,
): ReturnType<CompileContext['openInput']> {
  const file = inputs[referenceKey(reference)];
  if (file === undefined) throw new Error(`No file was given for ${referenceKey(reference)}`);
  const input = await openSource(file, { page: 0, auto_orient: true }, STRIPPED, limits);
  const pixels = await decoding(file, toColorPixels(input.open()));
  return { image: createDecoded(pixels, 1, false).open(), size: pixels.size };
}

const STRIPPED = { keep_metadata: false, color_profile: 'srgb' } as const;

async function decode(source: SourcePicture, task: TransformTask): Promise<DecodedPicture> {
  const pixels = await decoding(task.source, toColorPixels(source.open()));
  return createDecoded({ ...pixels, size: source.size }, source.frames, source.isGrey);
}

async function run(stage: Stage, picture: PipelinePicture, task: TransformTask): Promise<DecodedPicture> {
  const pixels = isDecoded(picture)
    ? await runFrames(stage, picture)
    : await decoding(task.source, toColorPixels(stage.apply(picture.open())));
  return createDecoded(pixels, picture.frames, stage.isGrey);
}

/** The pixels of all frames after an operation, with the size of one. */
async function runFrames(stage: Stage, picture: DecodedPicture): Promise<ColorPixels> {
  if (picture.frames > 1 && stage.operation.framesTogether) {
    return { ...(await runStill(stage, sheetOf(picture))), size: stage.size };
  }
  const first = await runStill(stage, frameOf(picture, 0));
  if (picture.frames === 1) return first;
  const frames = [first.data];
  for (let index = 1; index < picture.frames; index += 1) {
    frames.push((await runStill(stage, frameOf(picture, index))).data);
  }
  return { ...first, data: Buffer.concat(frames) };
}

async function runStill({ operation, apply }: Stage, picture: DecodedPicture): Promise<ColorPixels> {
  if (!picture.hasAlpha || !operation.leavesAlpha) return toColorPixels(apply(picture.open()));
  const { color, alpha } = splitAlpha(picture);
  const { data, size } = await toColorPixels(apply(color.open()));
  return { data: joinChannels(data, 3, alpha), size, channels: 4 };
}

/** Writes a picture that no operation is left for. */
async function writePicture(
  picture: PipelinePicture,
  source: SourcePicture,
  task: TransformTask,
): Promise<TransformResult> {
  const { output } = task.pipeline;
  const image = hasKeptMetadata(picture, source)
    ? picture.open()
    : await openWithMetadata(picture, source.kept);
  if (!picture.hasAlpha || holdsAlpha(output)) return write(image, picture, source, task);
  const matte = output.matte ?? '#ffffff';
  image.flatten({ background: parseColor(matte) });
  return write(image, { ...picture, isGrey: picture.isGrey && isGreyColor(matte) }, source, task);
}

async function write(
  image: ReturnType<Apply>,
  { size, frames, isGrey }: Pick<PipelinePicture, 'size' | 'frames' | 'isGrey'>,
  source: SourcePicture,
  { source: file, pipeline: { operations, output }, outputPath }: TransformTask,
): Promise<TransformResult> {
  if (!fits(size, output.format)) {
    const { name, maxSide } = FORMATS[output.format];
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
    isGrey: isGrey && source.kept.icc === undefined,
    reusesPalette: operations.length === 0,
    pixels: size.width * size.height * frames,
    path: outputPath,
  });
  return decoding(file, encoding);
}
