import { AppError } from '../../src/core/errors.ts';
import { computeHistogram } from '../../src/histogram/compute.ts';
import { canonicalizePipeline, type PipelineRequest } from '../../src/manipulation/pipeline.ts';
import { runTransform } from '../../src/manipulation/run-pipeline.ts';
import { inspectImage } from '../../src/pictures/inspect.ts';
import type { ImageLimits, SourceFile } from '../../src/pictures/types.ts';
import { segmentFile } from '../../src/segmentation/segment.ts';
import { withDefaults } from '../histogram/support.ts';
import { LIMITS, taskOf } from '../manipulation/fixtures.ts';
import { resolveParams } from '../segmentation/support.ts';

export interface Reading {
  page?: number;
  limits?: Partial<ImageLimits>;
}

/** Everything that decodes clients' files. */
export interface User {
  name: string;
  /** JSON Pointer of its parameter `page`; undefined if it takes none. */
  pagePath: string | undefined;
  read(source: SourceFile, reading?: Reading): Promise<unknown>;
}

/** @param outputPath where results are written */
export function usersOfPictures(outputPath: string): User[] {
  const transform =
    (...operations: object[]): User['read'] =>
    (source, { page, limits } = {}) => {
      const input = page === undefined ? {} : { input: { page } };
      // What may be an animation stays one.
      const format = ['gif', 'webp'].includes(source.format) ? 'webp' : 'png';
      const request = { ...input, operations, output: { format } };
      const pipeline = canonicalizePipeline(request as PipelineRequest, { inputFormat: source.format });
      return runTransform(taskOf([source], pipeline, { ...LIMITS, ...limits }, outputPath));
    };
  return [
    {
      name: 'inspect',
      pagePath: undefined,
      read: (file, { limits } = {}) => inspectImage(file, { ...LIMITS, ...limits }),
    },
    { name: 'convert', pagePath: '/input/page', read: transform() },
    { name: 'resize', pagePath: '/input/page', read: transform({ op: 'resize', width: 20 }) },
    { name: 'flip', pagePath: '/input/page', read: transform({ op: 'flip' }) },
    {
      name: 'histogram',
      pagePath: '/page',
      read: (source, { page = 0, limits } = {}) =>
        computeHistogram({ source, params: withDefaults({ page }), limits: { ...LIMITS, ...limits } }),
    },
    {
      name: 'segmentation',
      pagePath: '/page',
      read: (source, { page = 0, limits } = {}) =>
        segmentFile(source, resolveParams({ page }), { ...LIMITS, ...limits }),
    },
  ];
}

/** What it is refused for; fails if it is not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error(`It was accepted: ${JSON.stringify(value).slice(0, 200)}`);
}

/** A refusal of a client's file; fails for any other failure. */
export async function refusalOf(promise: Promise<unknown>): Promise<AppError> {
  const error = await failureOf(promise);
  if (error instanceof AppError) return error;
  throw error;
}
