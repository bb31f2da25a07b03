import type { ArtifactMaker, MadeArtifact, MakeOptions } from '../artifacts/maker.ts';
import type { Picture, Pictures } from '../artifacts/pictures.ts';
import type { Artifact, ArtifactStore } from '../artifacts/store.ts';
import type { OwnerId } from '../auth/owner.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import type { TemporaryFolder } from '../blobs/temporary-folder.ts';
import { AppError, parameterError } from '../errors.ts';
import { stemOf } from '../images/filename.ts';
import type { ImageEngine } from '../imaging/engine.ts';
import { checkParams } from './params.ts';
import type { PlotOptions } from './plot.ts';
import type { HistogramParams } from './schemas.ts';

/** Raised when the same parameters give other numbers than before. */
const HISTOGRAM_VERSION = 2;

export interface HistogramServices {
  maker: ArtifactMaker;
  artifacts: ArtifactStore;
  pictures: Pictures;
  engine: ImageEngine;
  diskCache: DiskCache;
  /** Where documents are assembled. */
  documentFolder: TemporaryFolder;
}

/** Histograms of pictures, as artifacts, and plots of them. */
export class Histograms {
  readonly #services: HistogramServices;

  constructor(services: HistogramServices) {
    this.#services = services;
  }

  /**
   * The histogram of a picture as an artifact; its bytes are a `HistogramResult` as JSON.
   *
   * @throws AppError what `computeHistogram` and the image processes throw; `validation_failed` at `/mask` where that is
   *   no segmentation mask of the owner's
   */
  async measure(
    owner: OwnerId,
    source: Picture,
    params: HistogramParams,
    options: Omit<MakeOptions, 'folder'>,
  ): Promise<MadeArtifact> {
    checkParams(params);
    const { maker, engine, documentFolder } = this.#services;
    const mask = params.mask === undefined ? undefined : await this.#findMask(owner, params.mask);
    const recipe = {
      kind: 'histogram',
      operation: 'histogram',
      version: HISTOGRAM_VERSION,
      parameters: params,
      inputs: mask ? [source, mask] : [source],
    };
    return maker.make(
      owner,
      recipe,
      { ...options, folder: documentFolder },
      async ({ files, outputPath, signal }) => {
        const [file, maskFile] = files;
        if (!file) throw new Error('A histogram has a picture.');
        const { sha256, size, summary } = await engine.run(
          'histogram',
          {
            source: file,
            ...(maskFile ? { mask: maskFile } : {}),
            params,
            limits: engine.limits,
            outputPath,
          },
          { signal },
        );
        return {
          filename: `${stemOf(source.filename)}-histogram.json`,
          mediaType: 'application/json',
          sha256: Buffer.from(sha256, 'hex'),
          size,
          result: summary,
        };
      },
    );
  }

  /** A drawing of a histogram artifact. */
  async plot(
    artifact: Pick<Artifact, 'sha256' | 'size'>,
    format: 'svg' | 'png',
    options: PlotOptions,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { diskCache, engine } = this.#services;
    const { path, release } = await diskCache.lease(artifact.sha256, artifact.size);
    try {
      return Buffer.from(
        await engine.run('histogram-plot', { histogramPath: path, format, options }, { signal }),
      );
    } finally {
      release();
    }
  }

  async #findMask(owner: OwnerId, id: string): Promise<Picture> {
    const { artifacts, pictures } = this.#services;
    try {
      const { kind } = await artifacts.get(owner, id);
      if (kind === 'mask') return await pictures.find(owner, { type: 'artifact', id });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
    }
    throw parameterError('/mask', 'names no segmentation mask of yours');
  }
}
