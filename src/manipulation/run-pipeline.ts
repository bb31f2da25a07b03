import { parseColor } from '../core/color.ts';
import { parameterError } from '../core/faults.ts';
import { decoding } from '../pictures/decode-failure.ts';
import { FORMATS, type ImageFormat } from '../pictures/formats.ts';
import type { PictureResult } from '../pictures/metadata.ts';
import { isTurned } from '../pictures/open.ts';
import type { Size } from '../pictures/types.ts';
import type { Outcome, Task } from '../work/operation.ts';
import { pictureFile } from '../work/task-files.ts';
import {
  type ColorPixels,
  createDecoded,
  type DecodedPicture,
  joinChannels,
  type PipelinePicture,
  pageOf,
  sheetOf,
  splitAlpha,
  toColorPixels,
} from './decoded-picture.ts';
import { encode } from './encode.ts';
import { openWithMetadata } from './metadata-carrier.ts';
import { isGreyColor } from './operations/color.ts';
import {
  type Apply,
  type CompileContext,
  pointerAt,
  type Reference,
  referenceKey,
} from './operations/operation.ts';
import { type AnyOperation, OPERATIONS, type OperationStep } from './operations/registry.ts';
import { holdsAlpha, type Output } from './output.ts';
import { type Pipeline, pipelineReferences } from './pipeline.ts';
import { checkPlan, checkResult } from './plan.ts';
import { openSource, type SourcePicture } from './source.ts';

type TransformTask = Task<Pipeline>;
type TransformOutcome = Outcome<PictureResult>;

/** One operation, compiled for the picture before it. */
interface Stage {
  operation: AnyOperation;
  step: OperationStep;
  apply: Apply;
  /** Size of a page after the operation; the largest possible one if only pixels tell. */
  size: Size;
  isGrey: boolean;
}

/**
 * Runs a canonical pipeline: reads the source, carries out the operations in their order, and writes the encoded result.
 *
 * sharp has its own order of operations, so each one is a separate sharp pipeline, and 8-bit sRGB pixels go from one to the
 * next. The first also decodes and the last also encodes if that changes nothing: a single resize is one sharp pipeline from
 * file to bytes, with JPEG's shrink-on-load.
 *
 * @throws AppError `undecodable_image`, `too_many_pixels`, `output_too_large`, or `validation_failed` for parameters
 *   that do not fit the picture; paths are those of the canonical pipeline
 */
export async function runTransform(task: TransformTask): Promise<TransformOutcome> {
  const { input, operations, output } = task.params;
  const source = await openSource(pictureFile(task.inputs[0]), input, output, task.limits);
  checkAnimation(source, task);
  await checkPlan(source, task.params, task.limits);

  let picture: PipelinePicture = isOnlyPixels(source) ? await decode(source) : source;
  for (const [index, step] of operations.entries()) {
    const stage = await prepare(step, index, picture, task);
    if (!isDecoded(picture) && !canDecode(stage, picture)) picture = await decode(picture);
    const isLast = index === operations.length - 1;
    if (isLast && canEncode(stage, picture, source, output)) {
      return write(stage.apply(await picture.open()), { ...stage, pages: 1 }, source, task);
    }
    picture = await run(stage, picture);
  }
  return writePicture(picture, source, task);
}

/** Whether the picture is decoded first: encoders would write extra bands, and some corrections leave nothing but pixels. */
function isOnlyPixels({ hasExtraBands, header: { correction } }: SourcePicture): boolean {
  return hasExtraBands || (correction !== undefined && correction.kind !== 'chunk');
}

function isDecoded(picture: PipelinePicture): picture is DecodedPicture {
  return 'data' in picture;
}

/** Whether the operation gives the same result if sharp decodes the file in the same pipeline. */
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

/** Pages are processed one by one, and colours without the alpha channel if the operation leaves it as it is. */
function isOnePass({ operation }: Stage, { pages, hasAlpha }: PipelinePicture): boolean {
  return pages === 1 && !(hasAlpha && operation.leavesAlpha);
}

/** sharp turns the picture upright after it has trimmed or cut it; only for a resize does it allow for that. */
function turnsFirst(stage: Stage, source: SourcePicture): boolean {
  return !isTurned(source) || isPlainResize(stage);
}

/** In one channel, colours would be lost; in CMYK, JPEG's shrink-on-load would come before the profile. */
function convertsColorsFirst(stage: Stage, { header: { space } }: SourcePicture): boolean {
  return space === 'srgb' || (space === 'b-w' && isPlainResize(stage));
}

function isPlainResize({ step }: Stage): boolean {
  return step.op === 'resize' && step.fit !== 'contain';
}

/** Whether the picture still has all metadata to be kept. Decoded pixels have none. */
function hasKeptMetadata(picture: PipelinePicture, { kept }: SourcePicture): boolean {
  return !isDecoded(picture) || Object.values(kept).every((block) => block === undefined);
}

/** Whether the result is flattened, which sharp would do before the operation instead of after it. */
function isFlattened({ operation, step }: Stage, { hasAlpha }: PipelinePicture, output: Output): boolean {
  return !holdsAlpha(output) && (hasAlpha || operation.addsAlpha(step));
}

function fits({ width, height }: Size, format: ImageFormat): boolean {
  return Math.max(width, height) <= FORMATS[format].maxSide;
}

/** Refuses what would break an animation, and says which pages can be chosen. */
function checkAnimation({ pages, size }: SourcePicture, { params, limits }: TransformTask): void {
  if (pages === 1) return;
  const reasons = params.operations.flatMap((step) => {
    const { animated, needsStill } = OPERATIONS[step.op];
    return animated ? (needsStill?.(step) ?? []) : `${step.op} gives pages of different sizes`;
  });
  const { format, keep_metadata, color_profile } = params.output;
  if (!FORMATS[format].animation) reasons.push(`${FORMATS[format].name} cannot hold an animation`);
  if (keep_metadata || color_profile === 'keep') {
    reasons.push('metadata and profiles of animations are not kept');
  }
  const onePage = `a page from 0 to ${pages - 1}, because`;
  if (reasons.length > 0) {
    throw parameterError('/input/page', `${onePage} ${reasons.join(' and ')},`, undefined);
  }
  const all = `${onePage} all pages together may have at most ${limits.maxOutputPixels} pixels,`;
  checkResult(size, pages, limits, '/input/page', all);
}

async function prepare(
  step: OperationStep,
  index: number,
  { size: sizeBefore, pages, hasAlpha, isGrey }: PipelinePicture,
  task: TransformTask,
): Promise<Stage> {
  const operation = OPERATIONS[step.op];
  const at = pointerAt(index);
  const size = operation.measure(sizeBefore, step, at);
  checkResult(size, pages, task.limits, at(operation.sizedBy(step)));
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
  { inputs, params, limits }: TransformTask,
): ReturnType<CompileContext['openInput']> {
  const key = referenceKey(reference);
  const index = pipelineReferences(params).findIndex((other) => referenceKey(other) === key);
  // The first input is the picture that the pipeline starts from.
  const file = pictureFile(inputs[index + 1]);
  const input = await openSource(file, { page: 0, auto_orient: true }, STRIPPED, limits);
  const { open, size } = await decode(input);
  return { image: await open(), size };
}

const STRIPPED = { keep_metadata: false, color_profile: 'srgb' } as const;

async function decode({ file, open, size, pages, isGrey }: SourcePicture): Promise<DecodedPicture> {
  const pixels = await decoding(file, open().then(toColorPixels));
  return createDecoded({ ...pixels, size, pages, isGrey });
}

async function run(stage: Stage, picture: PipelinePicture): Promise<DecodedPicture> {
  const pixels = isDecoded(picture)
    ? await runPages(stage, picture)
    : await decoding(picture.file, picture.open().then(stage.apply).then(toColorPixels));
  return createDecoded({ ...pixels, pages: picture.pages, isGrey: stage.isGrey });
}

/** The pixels of all pages after an operation, with the size of one. */
async function runPages(stage: Stage, picture: DecodedPicture): Promise<ColorPixels> {
  if (picture.pages > 1 && stage.operation.pagesTogether) {
    return { ...(await runStill(stage, sheetOf(picture))), size: stage.size };
  }
  const first = await runStill(stage, pageOf(picture, 0));
  if (picture.pages === 1) return first;
  const pages = [first.data];
  for (let page = 1; page < picture.pages; page += 1) {
    pages.push((await runStill(stage, pageOf(picture, page))).data);
  }
  return { ...first, data: Buffer.concat(pages) };
}

async function runStill({ operation, apply }: Stage, picture: DecodedPicture): Promise<ColorPixels> {
  if (!picture.hasAlpha || !operation.leavesAlpha) return toColorPixels(apply(await picture.open()));
  const { color, alpha } = splitAlpha(picture);
  const { data, size } = await toColorPixels(apply(await color.open()));
  return { data: joinChannels(data, 3, alpha), size, channels: 4 };
}

/** Writes a picture that needs no further operation. */
async function writePicture(
  picture: PipelinePicture,
  source: SourcePicture,
  task: TransformTask,
): Promise<TransformOutcome> {
  const { output } = task.params;
  const image = hasKeptMetadata(picture, source)
    ? await picture.open()
    : await openWithMetadata(picture, source.kept);
  if (!picture.hasAlpha || holdsAlpha(output)) return write(image, picture, source, task);
  const matte = output.matte ?? '#ffffff';
  image.flatten({ background: parseColor(matte) });
  return write(image, { ...picture, isGrey: picture.isGrey && isGreyColor(matte) }, source, task);
}

async function write(
  image: ReturnType<Apply>,
  { size, pages, isGrey }: Pick<PipelinePicture, 'size' | 'pages' | 'isGrey'>,
  { file, timeline, kept }: SourcePicture,
  { params: { operations, output }, outputPath }: TransformTask,
): Promise<TransformOutcome> {
  if (!fits(size, output.format)) {
    const { name, maxSide } = FORMATS[output.format];
    const expected = `a format that holds ${size.width}×${size.height} pixels (${name}: at most ${maxSide} per side)`;
    throw parameterError('/output/format', expected, output.format, 'output_too_large');
  }
  const encoding = encode(image, {
    output,
    timeline: pages > 1 ? timeline : undefined,
    isGrey: isGrey && kept.icc === undefined,
    reusesPalette: operations.length === 0,
    pixels: size.width * size.height * pages,
    path: outputPath,
  });
  return decoding(file, encoding);
}
