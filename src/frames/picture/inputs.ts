import type { Pool } from 'pg';
import type { OwnerId } from '../../auth/owner.ts';
import type { FrameSet } from '../../db/generated/client.ts';
import { removeFile } from '../../system/remove-file.ts';
import type { TemporaryFolder } from '../../system/temporary-folder.ts';
import type { Input, InputRef, InputSource, OpenedInputs, OpenOptions } from '../../work/inputs.ts';
import { type CountedFrames, readFrameRequest } from '../reading/frame-request.ts';
import { countFrames } from '../reading/frame-selection.ts';
import { buildPicture } from './builder.ts';
import { writePictureInput } from './picture-file.ts';
import type { FramePictureParams } from './schemas.ts';

type FrameSetRef = Extract<InputRef, { type: 'frame_set' }>;

/** A frame set as an input. */
interface FrameSetInput extends Input {
  frameSet: FrameSet;
}

export interface FrameSetInputsOptions {
  frameSets: {
    /** @throws AppError `not_found` */
    get(owner: OwnerId, id: string): Promise<FrameSet>;
  };
  pool: Pool;
  temporaryFolder: TemporaryFolder;
}

/** Frame sets as inputs: the rows of all sets as one picture of grey levels, in one file. */
export class FrameSetInputs implements InputSource<FrameSetRef> {
  readonly #options: FrameSetInputsOptions;
  /** By the inputs that `known` has returned, so that frames are not counted twice. */
  readonly #known = new WeakMap<readonly Input[], CountedFrames>();

  constructor(options: FrameSetInputsOptions) {
    this.#options = options;
  }

  async find(owner: OwnerId, { id }: FrameSetRef): Promise<FrameSetInput> {
    return toInput(await this.#options.frameSets.get(owner, id));
  }

  /** The inputs of a request that has counted its frames. */
  known(frames: CountedFrames): readonly Input[] {
    const inputs = frames.sets.map(({ frameSet }) => toInput(frameSet));
    this.#known.set(inputs, frames);
    return inputs;
  }

  /** @throws AppError what `readFrameRequest` throws; `not_found` if there are no frames; the signal's reason */
  async open(inputs: readonly Input[], { params, signal }: OpenOptions): Promise<OpenedInputs> {
    const { pool, temporaryFolder } = this.#options;
    // There is one operation on frame sets.
    const shape = params as FramePictureParams;
    const frames = this.#known.get(inputs) ?? (await this.#read(inputs, shape));
    const built = await buildPicture(pool, frames, shape, signal);
    const path = temporaryFolder.newPath();
    const release = () => void removeFile(path).catch(() => undefined);
    try {
      await writePictureInput(path, built);
    } catch (error) {
      release();
      throw error;
    }
    return { files: [{ path, documentPath: null, format: null, filename: 'frames' }], release };
  }

  async #read(inputs: readonly Input[], params: FramePictureParams): Promise<CountedFrames> {
    const sets = inputs.map((input) => (input as FrameSetInput).frameSet);
    return countFrames(this.#options.pool, readFrameRequest(params, sets));
  }
}

function toInput(frameSet: FrameSet): FrameSetInput {
  return {
    ref: { type: 'frame_set', id: frameSet.id },
    kind: 'frame_set',
    format: null,
    filename: frameSet.filename,
    dimensions: null,
    content: null,
    document: null,
    origin: null,
    frameSet,
  };
}
