import type { ArtifactMaker, MadeArtifact, MakeOptions } from '../artifacts/maker.ts';
import type { Picture, Pictures } from '../artifacts/pictures.ts';
import type { InputRef } from '../artifacts/store.ts';
import type { OwnerId } from '../auth/owner.ts';
import { AppError, parameterError } from '../errors.ts';
import { stemOf } from '../images/filename.ts';
import type { ImageEngine } from '../imaging/engine.ts';
import { pointerAt, type Reference, referenceKey } from '../imaging/operations/operation.ts';
import { PIPELINE_VERSION, type Pipeline, pipelineReferences } from '../imaging/pipeline.ts';
import { extensionOf } from '../pictures/formats.ts';
import type { SourceFile, TransformResult } from '../pictures/types.ts';

export interface TransformerServices {
  maker: ArtifactMaker;
  pictures: Pictures;
  engine: ImageEngine;
  /** Where pictures are written: where the disk cache will have them. */
  results: MakeOptions['folder'];
}

function toInputRef(reference: Reference): InputRef {
  return 'image_id' in reference
    ? { type: 'image', id: reference.image_id }
    : { type: 'artifact', id: reference.artifact_id };
}

/** Derives pictures from pictures by pipelines. */
export class Transformer {
  readonly #services: TransformerServices;

  constructor(services: TransformerServices) {
    this.#services = services;
  }

  /**
   * The picture that a canonical pipeline makes of another one, as an artifact.
   *
   * @throws AppError what the pipeline or the image processes throw; `validation_failed` where another picture that it
   *   names is not the owner's
   */
  async transform(
    owner: OwnerId,
    source: Picture,
    pipeline: Pipeline,
    options: Omit<MakeOptions, 'folder'>,
  ): Promise<MadeArtifact> {
    const { maker, engine, results } = this.#services;
    const references = pipelineReferences(pipeline);
    const others = await Promise.all(
      references.map((reference) => this.#findOther(owner, reference, pipeline)),
    );
    const recipe = {
      kind: 'picture',
      operation: 'transform',
      version: PIPELINE_VERSION,
      parameters: pipeline,
      inputs: [source, ...others],
    };
    return maker.make(
      owner,
      recipe,
      { ...options, folder: results },
      async ({ files, outputPath, signal }) => {
        const [sourceFile, ...otherFiles] = files as [SourceFile, ...SourceFile[]];
        const inputs = Object.fromEntries(
          references.map((reference, index) => [referenceKey(reference), otherFiles[index] as SourceFile]),
        );
        const result = await engine.transform(
          { source: sourceFile, inputs, pipeline, outputPath },
          { signal },
        );
        return {
          filename: `${stemOf(source.filename)}.${extensionOf(result.format)}`,
          mediaType: result.media_type,
          sha256: Buffer.from(result.sha256, 'hex'),
          size: result.size,
          result: toPictureResult(result),
        };
      },
    );
  }

  /** Another input, with a missing one reported at the parameter that names it. */
  async #findOther(owner: OwnerId, reference: Reference, { operations }: Pipeline): Promise<Picture> {
    try {
      return await this.#services.pictures.find(owner, toInputRef(reference));
    } catch (error) {
      if (!(error instanceof AppError) || (error.code !== 'not_found' && error.code !== 'validation_failed'))
        throw error;
      const key = referenceKey(reference);
      const index = operations.findIndex((step) => 'overlay' in step && referenceKey(step.overlay) === key);
      throw parameterError(
        pointerAt(index)('overlay'),
        'names no image, and no artifact that is a picture, of yours',
      );
    }
  }
}

/** What an artifact's `result` says of a picture. */
function toPictureResult({ format, width, height, channels, has_alpha, pages }: TransformResult) {
  return { format, width, height, channels, has_alpha, pages };
}
