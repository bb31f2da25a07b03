import { open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import pLimit from 'p-limit';
import type { Pool } from 'pg';
import type { TemporaryFolder } from '../blobs/temporary-folder.ts';
import { AppError } from '../errors.ts';
import { parameterErrors, parameterFault, Words } from '../faults.ts';
import { acceptable, negotiate } from '../http/negotiation.ts';
import type { ImageEngine } from '../imaging/engine.ts';
import { FORMATS } from '../pictures/formats.ts';
import { commonWidth, describeFrames, type FrameRequest } from './frame-answer.ts';
import type { FrameFacts } from './frame-selection.ts';
import { encodePicturePng } from './picture.ts';
import { type BuiltPicture, buildPicture, type PictureShape } from './picture-builder.ts';
import { PICTURE_FORMATS, type PictureFormat, writePictureInput } from './picture-input.ts';
import { queryError } from './query-faults.ts';
import type { FramePictureQuery } from './schemas.ts';

const MEDIA_TYPES = PICTURE_FORMATS.map((format) => `image/${format}` as const);
const FORMAT_OF: Readonly<Record<(typeof MEDIA_TYPES)[number], PictureFormat>> = {
  'image/png': 'png',
  'image/webp': 'webp',
  'image/jpeg': 'jpeg',
};

/**
 * The formats that a request leaves to choose from, most preferred first: the one that it names, or with `auto` those that
 * its `Accept` allows.
 *
 * @throws AppError `not_acceptable`
 */
export function pictureFormats(
  request: FastifyRequest,
  reply: FastifyReply,
  format: FramePictureQuery['format'],
): PictureFormat[] {
  if (format !== 'auto') return [format];
  reply.header('vary', 'Accept');
  negotiate(request, MEDIA_TYPES);
  return acceptable(request, MEDIA_TYPES).map((type) => FORMAT_OF[type]);
}

export interface FramePictureOptions {
  pool: Pool;
  engine: ImageEngine;
  temporaryFolder: TemporaryFolder;
}

export interface PictureRequest {
  query: FramePictureQuery;
  frames: FrameRequest;
  facts: FrameFacts;
  /** Any of these will do, the first one that has room for the picture is taken. */
  formats: readonly PictureFormat[];
  signal: AbortSignal;
}

/** Pictures that are made at the same time, each in memory. */
const CONCURRENCY = 4;

/**
 * PNG pictures up to this size are deflated on a thread of this process: nothing of a client's is decoded for it, and the way
 * through an image process takes longer than that.
 */
const MAX_THREAD_PIXELS = 2_000_000;

/** Makes pictures of frames: rows are averaged here, pictures encoded in an image process. */
export class FramePictures {
  readonly #options: FramePictureOptions;
  readonly #limit = pLimit(CONCURRENCY);

  constructor(options: FramePictureOptions) {
    this.#options = options;
  }

  /**
   * Answers with all frames of a request as one picture.
   * @throws AppError `not_found` where there is no frame; `output_too_large`; `validation_failed`; what the engine throws
   */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    { query, frames, facts, formats, signal }: PictureRequest,
  ): Promise<FastifyReply> {
    const shape = this.#shapeOf(query, frames, facts);
    const format = this.#chooseFormat(formats, shape, facts);
    const isHead = request.method === 'HEAD';
    const encoded = isHead ? undefined : await this.#make(frames, facts, shape, format, signal);
    // A failure does not answer with the headers of a picture.
    describeFrames(request, reply, frames, facts);
    reply.type(`image/${format}`).header('content-disposition', `inline; filename="frames.${format}"`);
    if (!encoded) return reply.send(Readable.from([]));
    return reply.header('content-length', encoded.size).send(encoded.bytes);
  }

  /** The encoded picture, when its turn has come. */
  async #make(
    frames: FrameRequest,
    facts: FrameFacts,
    shape: PictureShape,
    format: PictureFormat,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer | Readable; size: number }> {
    return this.#limit(async () => {
      signal.throwIfAborted();
      const built = await buildPicture(this.#options.pool, frames, facts, shape);
      return this.#encode(built, format, signal);
    });
  }

  #shapeOf(query: FramePictureQuery, frames: FrameRequest, facts: FrameFacts): PictureShape {
    const { scale, height } = query;
    const width = commonWidth(frames.selection);
    if (facts.count === 0 || width === undefined) {
      throw new AppError('not_found', 'There are no frames in this range to make a picture of.');
    }
    if (scale === 'depth' && query.order === 'file') {
      throw queryError('/scale', 'rows (depth needs order=depth)', scale);
    }
    if (scale === 'depth' && height === undefined) {
      throw queryError('/height', 'an integer with scale=depth', height);
    }
    return { width, height, scale };
  }

  /** The most preferred format that has room for the picture. */
  #chooseFormat(formats: readonly PictureFormat[], shape: PictureShape, facts: FrameFacts): PictureFormat {
    const { width, height = facts.count } = shape;
    const { maxOutputPixels } = this.#options.engine.limits;
    const fitting = formats.find((format) => Math.max(width, height) <= FORMATS[format].maxSide);
    if (fitting && width * height <= maxOutputPixels) return fitting;
    const bound = fitting
      ? `${maxOutputPixels} pixels in all`
      : `${Math.max(...formats.map((format) => FORMATS[format].maxSide))} pixels a side`;
    const expected = `an integer that makes a picture of at most ${bound}`;
    const given =
      shape.height === undefined ? `nothing: ${facts.count} frames make` : `${height}, which makes`;
    const received = new Words(`${given} ${width}×${height} pixels`);
    const fault = parameterFault('/height', expected, received);
    throw parameterErrors([{ ...fault, location: 'query' }], 'output_too_large');
  }

  /** The encoded picture. */
  async #encode(
    built: BuiltPicture,
    format: PictureFormat,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer | Readable; size: number }> {
    const { picture, table } = built;
    if (format !== 'png' || picture.pixels.length > MAX_THREAD_PIXELS) {
      return this.#encodeInProcess(built, format, signal);
    }
    const bytes = await encodePicturePng(picture, table);
    return { bytes, size: bytes.length };
  }

  /** The picture as a stream of a file that is gone with it. */
  async #encodeInProcess(
    { picture, table }: BuiltPicture,
    format: PictureFormat,
    signal: AbortSignal,
  ): Promise<{ bytes: Readable; size: number }> {
    const { engine, temporaryFolder } = this.#options;
    const [inputPath, outputPath] = [temporaryFolder.newPath(), temporaryFolder.newPath()];
    try {
      await writePictureInput(inputPath, picture);
      const { width, height, nulls } = picture;
      const { size } = await engine.run(
        'frame-picture',
        { inputPath, width, height, hasNulls: nulls !== null, table, format, outputPath },
        { signal },
      );
      const file = await open(outputPath);
      return { bytes: file.createReadStream(), size };
    } finally {
      await Promise.all([rm(inputPath, { force: true }), rm(outputPath, { force: true })]);
    }
  }
}
