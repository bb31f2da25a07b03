import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import type { Test } from 'tap';
import { AppError } from '../../src/core/errors.ts';
import { referenceKey } from '../../src/manipulation/operations/operation.ts';
import {
  canonicalizePipeline,
  type PipelineRequest,
  pipelineReferences,
} from '../../src/manipulation/pipeline.ts';
import { runTransform } from '../../src/manipulation/run-pipeline.ts';
import type { PictureResult } from '../../src/pictures/metadata.ts';
import type { ImageLimits, SourceFile } from '../../src/pictures/types.ts';
import type { WrittenFile } from '../../src/work/operation.ts';
import { LIMITS, sourceOf, taskOf } from './fixtures.ts';

/** A request as a client writes it: defaults left out. */
export interface Request {
  input?: { page?: number; auto_orient?: boolean };
  operations?: object[];
  output?: object;
}

export interface RunOptions {
  /** By `referenceKey`. */
  inputs?: Record<string, SourceFile>;
  limits?: Partial<ImageLimits>;
  outputPath?: string;
}

/** Canonicalizes a request and runs it on a file; the result is in a new file of the test's folder unless said otherwise. */
export async function transform(
  folder: string,
  file: string,
  request: Request,
  { inputs = {}, limits = {}, outputPath = path.join(folder, randomUUID()) }: RunOptions = {},
): Promise<PictureResult & WrittenFile & { path: string }> {
  const source = sourceOf(file);
  const pipeline = canonicalizePipeline(request as PipelineRequest, { inputFormat: source.format });
  const others = pipelineReferences(pipeline).flatMap((reference) => inputs[referenceKey(reference)] ?? []);
  const { content, result } = await runTransform(
    taskOf([source, ...others], pipeline, { ...LIMITS, ...limits }, outputPath),
  );
  if (content === undefined) throw new Error('A transform writes a file.');
  return { ...result, ...content, path: outputPath };
}

/** Asserts that something fails with an AppError of this code whose first fault has this path. */
export async function fails(
  t: Test,
  promise: Promise<unknown>,
  code: string,
  faultPath: string | undefined,
  name: string,
) {
  try {
    await promise;
    t.fail(`${name}: did not fail`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    t.match({ code: error.code, path: error.errors[0]?.path }, { code, path: faultPath }, name);
  }
}

/**
 * A picture with a plain border, smooth colours, edges and texture, so that every operation shows.
 *
 * @returns H×W×channels, row-major
 */
export function paint(width: number, height: number, channels: 3 | 4, seed = 0): Buffer {
  const data = Buffer.alloc(width * height * channels);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isBorder = x < 4 || y < 3 || x >= width - 5;
      const isInside = (x - width / 2) ** 2 + (y - height / 3) ** 2 < (Math.min(width, height) / 4) ** 2;
      const texture = ((x * 7 + y * 13 + seed * 29) % 23) - 11;
      const color = isBorder
        ? [240, 240, 230]
        : isInside
          ? [220, 60 + texture, 40]
          : [(200 * x) / width + 20, (180 * y) / height + 30, 128 + 2 * texture];
      const offset = (y * width + x) * channels;
      for (let band = 0; band < 3; band += 1) data[offset + band] = Math.round(color[band] ?? 0);
      if (channels === 4)
        data[offset + 3] = isInside || isBorder ? 255 : Math.min(255, Math.round((300 * x) / width));
    }
  }
  return data;
}

/** Writes a painted picture as a file of the test's folder. */
export async function paintFile(
  folder: string,
  name: string,
  { width = 96, height = 64, channels = 3 }: { width?: number; height?: number; channels?: 1 | 3 | 4 } = {},
): Promise<string> {
  const file = path.join(folder, name);
  const bands = channels === 4 ? 4 : 3;
  const image = sharp(paint(width, height, bands), { raw: { width, height, channels: bands } });
  await (channels === 1 ? image.toColourspace('b-w') : image).toFile(file);
  return file;
}

/** Writes an animation of painted pages; two neighbours among them are equal. */
export async function animateFile(
  folder: string,
  name: 'animated.gif' | 'animated.webp',
  delays: number[],
  loop = 2,
): Promise<string> {
  const [width, height] = [48, 40];
  const sheet = Buffer.concat(delays.map((_, index) => paint(width, height, 3, index === 2 ? 1 : index)));
  const image = sharp(sheet, {
    raw: { width, height: height * delays.length, channels: 3, pageHeight: height },
    animated: true,
  });
  const file = path.join(folder, name);
  const encoded = name.endsWith('gif')
    ? image.gif({ delay: delays, loop, keepDuplicateFrames: true })
    : image.webp({ delay: delays, loop, lossless: true });
  writeFileSync(file, await encoded.toBuffer());
  return file;
}
