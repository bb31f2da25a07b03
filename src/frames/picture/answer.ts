import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { parameterError, Words } from '../../core/faults.ts';
import { acceptable, negotiate, varyByAccept } from '../../http/requests/negotiation.ts';
import { openComputedFile, removeWhenSent } from '../../http/responses/computed-file.ts';
import { FORMATS } from '../../pictures/formats.ts';
import type { Admission } from '../../processes/admission.ts';
import type { Input } from '../../work/inputs.ts';
import type { Maker, PlannedWork } from '../../work/make.ts';
import { commonWidth, describeFrames, type FrameRequest } from '../frame-answer.ts';
import type { FrameFacts } from '../reading/frame-selection.ts';
import {
  type FramePictureParams,
  type FramePictureQuery,
  PICTURE_FORMATS,
  type PictureFormat,
} from '../schemas.ts';
import type { PictureShape } from './builder.ts';
import type { FrameSetInputs, KnownFrames } from './inputs.ts';
import { framePicture } from './operation.ts';

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
  varyByAccept(reply);
  negotiate(request, MEDIA_TYPES);
  return acceptable(request, MEDIA_TYPES).map((type) => FORMAT_OF[type]);
}

export interface FramePictureOptions {
  maker: Maker;
  inputs: FrameSetInputs;
  /** Pictures in memory at the same time. */
  admission: Admission;
  /** Of one picture. */
  maxPixels: number;
}

export interface PictureRequest extends KnownFrames {
  query: FramePictureQuery;
  /** Any of these will do, the first one that has room for the picture is taken. */
  formats: readonly PictureFormat[];
  signal: AbortSignal;
}

/** Answers with pictures of frames. */
export class FramePictures {
  readonly #options: FramePictureOptions;

  constructor(options: FramePictureOptions) {
    this.#options = options;
  }

  /**
   * Answers with all frames of a request as one picture.
   * @throws AppError `not_found` if there is no frame; `output_too_large`; `validation_failed`; `overloaded`; what
   *   `Maker.compute` throws
   */
  async send(request: FastifyRequest, reply: FastifyReply, picture: PictureRequest): Promise<FastifyReply> {
    const { query, frames, facts, formats, signal } = picture;
    const { maker, inputs, admission } = this.#options;
    const shape = this.#shapeOf(query, frames, facts);
    const format = this.#chooseFormat(formats, shape, facts);
    const found = inputs.known(picture);
    const work = planPicture(query, found, { ...shape, height: shape.height ?? facts.count, format });
    const isHead = request.method === 'HEAD';
    const file = isHead
      ? undefined
      : await admission.run(signal, () => maker.compute(request.owner, work, signal));
    // A failure does not answer with the headers of a picture.
    describeFrames(request, reply, frames, facts);
    const { filename, mediaType } = maker.fileOf(work);
    reply.type(mediaType).header('content-disposition', `inline; filename="${filename}"`);
    if (!file) return reply.send(Readable.from([]));
    removeWhenSent(request, reply, file);
    const bytes = await openComputedFile(file, { start: 0, end: file.size });
    return reply.header('content-length', file.size).send(bytes);
  }

  #shapeOf(query: FramePictureQuery, frames: FrameRequest, facts: FrameFacts): PictureShape {
    const { scale, height } = query;
    const width = commonWidth(frames.selection);
    if (facts.count === 0 || width === undefined) {
      throw new AppError('not_found', 'There are no frames in this range to make a picture of.');
    }
    if (scale === 'depth' && query.order === 'file') {
      throw parameterError('/scale', 'rows (depth needs order=depth)', scale);
    }
    if (scale === 'depth' && height === undefined) {
      throw parameterError('/height', 'an integer with scale=depth', height);
    }
    return { width, height, scale };
  }

  /** The most preferred format that has room for the picture. */
  #chooseFormat(formats: readonly PictureFormat[], shape: PictureShape, facts: FrameFacts): PictureFormat {
    const { width, height = facts.count } = shape;
    const { maxPixels } = this.#options;
    const fitting = formats.find((format) => Math.max(width, height) <= FORMATS[format].maxSide);
    if (fitting && width * height <= maxPixels) return fitting;
    const bound = fitting
      ? `${maxPixels} pixels in all`
      : `${Math.max(...formats.map((format) => FORMATS[format].maxSide))} pixels a side`;
    const expected = `an integer that makes a picture of at most ${bound}`;
    const given =
      shape.height === undefined ? `nothing: ${facts.count} frames make` : `${height}, which makes`;
    const received = new Words(`${given} ${width}×${height} pixels`);
    throw parameterError('/height', expected, received, 'output_too_large');
  }
}

/** The work of a picture. What of the query says which frame sets, its inputs say. */
function planPicture(
  { frame_set_id: _set, ...query }: FramePictureQuery,
  found: readonly Input[],
  shape: Pick<FramePictureParams, 'width' | 'height' | 'format'>,
): PlannedWork {
  const { name, version } = framePicture;
  const params: FramePictureParams = { ...query, ...shape };
  return { operation: name, version, inputs: found.map(({ ref }) => ref), params, found };
}
