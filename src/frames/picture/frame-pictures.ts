import type { OwnerId } from '../../auth/owner.ts';
import { AppError } from '../../core/errors.ts';
import { parameterError, Words } from '../../core/faults.ts';
import { FORMATS } from '../../pictures/formats.ts';
import type { PictureSettings } from '../../pictures/settings.ts';
import type { Admission } from '../../processes/admission.ts';
import type { ComputedFile, Maker, PlannedWork } from '../../work/make.ts';
import type { FileKind } from '../../work/operation.ts';
import { type CountedFrames, commonWidth } from '../reading/frame-request.ts';
import type { FrameSetInputs } from './inputs.ts';
import { framePicture } from './operation.ts';
import type { FramePictureParams, FramePictureQuery, PictureFormat } from './schemas.ts';

export interface FramePictureOptions {
  maker: Maker;
  inputs: FrameSetInputs;
  /** Pictures in memory at the same time. */
  admission: Admission;
  settings: PictureSettings;
}

export class FramePictures {
  readonly #options: FramePictureOptions;

  constructor(options: FramePictureOptions) {
    this.#options = options;
  }

  /**
   * The work that draws all frames of a request as one picture.
   * @param formats by preference; the first one that supports the size of the picture is used
   * @throws AppError `not_found` if there are no frames; `output_too_large`; `validation_failed`
   */
  plan(
    query: FramePictureQuery,
    frames: CountedFrames,
    formats: readonly PictureFormat[],
  ): PlannedWork & { file: FileKind } {
    const width = commonWidth(frames);
    if (frames.count === 0 || width === undefined) {
      throw new AppError('not_found', 'There are no frames in this range.');
    }
    if (query.scale === 'depth' && query.order === 'file') {
      throw parameterError('/scale', 'rows (scale=depth needs order=depth)', query.scale);
    }
    if (query.scale === 'depth' && query.height === undefined) {
      throw parameterError('/height', 'an integer, because scale=depth needs one,', query.height);
    }
    const height = query.height ?? Math.min(frames.count, this.#maxHeight(formats, width));
    const format = this.#chooseFormat(formats, width, height);
    // The frame sets are the inputs.
    const { frame_set_id: _set, ...asked } = query;
    const params: FramePictureParams = { ...asked, width, height, format };
    const found = this.#options.inputs.known(frames);
    const { name, version } = framePicture;
    const work = { operation: name, version, inputs: found.map(({ ref }) => ref), params, found };
    return { ...work, file: this.#options.maker.fileOf(work) };
  }

  /** @throws AppError `overloaded`; what `Maker.compute` throws; the signal's reason */
  async draw(owner: OwnerId, work: PlannedWork, signal: AbortSignal): Promise<ComputedFile> {
    const { maker, admission } = this.#options;
    return admission.run(signal, () => maker.compute(owner, work, signal));
  }

  /** The most rows that a picture of this width may have in one of the formats. */
  #maxHeight(formats: readonly PictureFormat[], width: number): number {
    const maxRows = Math.max(...formats.map((format) => FORMATS[format].maxSide));
    const { MAX_OUTPUT_PIXELS: maxPixels } = this.#options.settings;
    return Math.max(1, Math.min(maxRows, Math.floor(maxPixels / width)));
  }

  /** The most preferred format that supports the size of the picture. */
  #chooseFormat(formats: readonly PictureFormat[], width: number, height: number): PictureFormat {
    const { MAX_OUTPUT_PIXELS: maxPixels } = this.#options.settings;
    const fitting = formats.find((format) => Math.max(width, height) <= FORMATS[format].maxSide);
    if (fitting && width * height <= maxPixels) return fitting;
    const bound = fitting
      ? `${maxPixels} pixels in all`
      : `${Math.max(...formats.map((format) => FORMATS[format].maxSide))} pixels a side`;
    const expected = `an integer that makes a picture of at most ${bound}`;
    const received = new Words(`${height}, which makes ${width}×${height} pixels`);
    throw parameterError('/height', expected, received, 'output_too_large');
  }
}
