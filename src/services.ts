import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { ArtifactMaker } from './artifacts/maker.ts';
import { Pictures } from './artifacts/pictures.ts';
import { ArtifactStore } from './artifacts/store.ts';
import { BlobReader } from './blobs/blob-reader.ts';
import { openDiskCache } from './blobs/disk-cache.ts';
import { createMemoryCache } from './blobs/memory-cache.ts';
import { PostgresBlobStore } from './blobs/postgres-blob-store.ts';
import { openTemporaryFolder } from './blobs/temporary-folder.ts';
import type { Config } from './config.ts';
import { type Database, openDatabase, toAppError } from './db/database.ts';
import { migrate } from './db/migrate.ts';
import { IngestThreads } from './frames/ingest-threads.ts';
import { FramePictures } from './frames/picture-answer.ts';
import { FrameSetStore } from './frames/store.ts';
import { type LogUploadServices, logLimits } from './frames/upload.ts';
import { Histograms } from './histogram/histograms.ts';
import type { HealthSources } from './http/health.ts';
import { createMetrics, type Metrics } from './http/metrics.ts';
import type { ErrorTranslator } from './http/problem-handler.ts';
import { ImageStore } from './images/store.ts';
import type { UploadServices } from './images/upload.ts';
import { createImageEngine, type ImageEngine } from './imaging/engine.ts';
import { measureEngine } from './imaging/measured-engine.ts';
import { Transformer } from './manipulation/transformer.ts';
import { Segmentations } from './segmentation/segmentations.ts';

/** Everything that the routes work with, opened and ready. */
export interface Services {
  log: FastifyBaseLogger;
  database: Database;
  engine: ImageEngine;
  images: ImageStore;
  artifacts: ArtifactStore;
  pictures: Pictures;
  maker: ArtifactMaker;
  blobs: BlobReader;
  uploads: UploadServices;
  transformer: Transformer;
  histograms: Histograms;
  frameSets: FrameSetStore;
  framePictures: FramePictures;
  logUploads: LogUploadServices;
  segmentations: Segmentations;
  metrics: Metrics;
  health: HealthSources;
  translateError: ErrorTranslator;
  /** Lets what runs end and gives everything back, in the reverse order of opening. */
  close(): Promise<void>;
}

export interface ServiceOptions {
  databaseUrl: string;
  log: FastifyBaseLogger;
}

/** Opens one thing after the other; where one fails, those before it are closed. */
class Opened {
  readonly #closers: (() => Promise<unknown>)[] = [];

  add<T extends { close(): Promise<unknown> }>(thing: T): T {
    this.#closers.unshift(() => thing.close());
    return thing;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
  }
}

/** Opens everything that the routes work with, on a database that is brought up to date first. */
export async function openServices(config: Config, options: ServiceOptions): Promise<Services> {
  const opened = new Opened();
  try {
    return await open(config, options, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function open(config: Config, { databaseUrl, log }: ServiceOptions, opened: Opened): Promise<Services> {
  const database = opened.add(
    await openDatabase({ url: databaseUrl, poolSize: config.DATABASE_POOL_SIZE, logger: log }),
  );
  await migrate(database.pool);
  const blobStore = new PostgresBlobStore(database.pool);
  const temporaryFolder = await openTemporaryFolder(config.TEMP_IMAGE_DIR);
  opened.add({ close: () => temporaryFolder.remove() });
  const documentFolder = await openTemporaryFolder(config.TEMP_JSON_DIR);
  opened.add({ close: () => documentFolder.remove() });
  const diskCache = opened.add(
    await openDiskCache({
      root: path.join(config.DATA_DIR, 'cache'),
      maxBytes: config.DISK_CACHE_BYTES,
      blobs: blobStore,
    }),
  );
  const memoryCache = createMemoryCache(config.MEMORY_CACHE_BYTES);
  const bareEngine = opened.add(
    createImageEngine({
      concurrency: config.IMAGE_CONCURRENCY,
      queue: config.IMAGE_QUEUE,
      timeoutMs: config.OPERATION_TIMEOUT_MS,
      limits: {
        maxPixels: config.MAX_PIXELS,
        maxTotalPixels: config.MAX_TOTAL_PIXELS,
        maxOutputPixels: config.MAX_OUTPUT_PIXELS,
        maxDecodeBytes: config.MAX_DECODE_BYTES,
      },
      log,
    }),
  );
  const metrics = createMetrics({
    images: () => bareEngine.stats(),
    diskCache,
    memoryCache,
  });
  const engine = measureEngine(bareEngine, (operation, outcome, seconds) =>
    metrics.imageOperations.observe({ operation, outcome }, seconds),
  );
  const threads = opened.add(
    new IngestThreads({ concurrency: config.CSV_CONCURRENCY, queue: config.CSV_QUEUE }),
  );
  const frameSets = new FrameSetStore(database);
  const images = new ImageStore(database, blobStore);
  const artifacts = new ArtifactStore(database, blobStore);
  const pictures = new Pictures(images, artifacts, diskCache);
  const maker = new ArtifactMaker({
    artifacts,
    pictures,
    diskCache,
    documentFolder,
    cacheBytes: config.CACHE_BYTES,
    log,
  });
  return {
    log,
    database,
    engine,
    images,
    artifacts,
    blobs: new BlobReader(diskCache, memoryCache),
    uploads: {
      images,
      engine,
      temporaryFolder,
      diskCache,
      limits: {
        maxFileBytes: config.MAX_FILE_BYTES,
        maxRequestBytes: config.MAX_REQUEST_BYTES,
        maxFiles: config.MAX_FILES,
      },
      concurrency: config.IMAGE_CONCURRENCY,
    },
    pictures,
    maker,
    transformer: new Transformer({ maker, pictures, engine, results: diskCache }),
    segmentations: new Segmentations({
      maker,
      artifacts,
      pictures,
      engine,
      diskCache,
      temporaryFolder,
      documentFolder,
    }),
    histograms: new Histograms({ maker, artifacts, pictures, engine, diskCache, documentFolder }),
    frameSets,
    framePictures: new FramePictures({ pool: database.pool, engine, temporaryFolder }),
    logUploads: { database, frameSets, threads, limits: logLimits(config.MAX_CSV_BYTES) },
    metrics,
    health: { isDatabaseReachable: () => database.isReachable(), imageLine: () => engine.stats() },
    translateError: toAppError,
    close: () => opened.close(),
  };
}
