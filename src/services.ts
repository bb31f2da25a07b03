import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { OwnedContent } from './accounts/owned-content.ts';
import { deleteDerivedFrom } from './artifacts/delete-derived.ts';
import { StoredInputs } from './artifacts/inputs.ts';
import { ArtifactStore } from './artifacts/store.ts';
import { openAuth } from './auth/accounts/open-auth.ts';
import type { OwnerId } from './auth/owner.ts';
import { BlobReader } from './blobs/blob-reader.ts';
import { openDiskCache } from './blobs/disk-cache.ts';
import { createMemoryCache } from './blobs/memory-cache.ts';
import { BlobRegistry } from './blobs/postgres/blob-registry.ts';
import { PostgresBlobStore } from './blobs/postgres/postgres-blob-store.ts';
import type { Config } from './config.ts';
import { AppError } from './core/errors.ts';
import { ConfigError } from './core/settings.ts';
import { openDatabase, toAppError } from './db/database.ts';
import { openSupervisedServer } from './db/embedded/supervisor.ts';
import { migrate, readMigrations } from './db/migrate.ts';
import { checkDatabase, checkPrivileges } from './db/requirements.ts';
import { readTableBytes } from './db/table-bytes.ts';
import { readReceivedLog, readReceivedOptions, storeReceivedRows } from './frames/deferred-upload.ts';
import { IngestThreads } from './frames/ingest/threads.ts';
import { FramePictures } from './frames/picture/frame-pictures.ts';
import { FrameSetInputs } from './frames/picture/inputs.ts';
import { FrameSetStore } from './frames/store.ts';
import { createMetrics } from './http/operators/metrics.ts';
import { ImageStore } from './images/store.ts';
import { openJobs } from './jobs/open-jobs.ts';
import { artifactHandler } from './jobs/queue/artifact-handler.ts';
import { postedOperations } from './jobs/queue/posted-operations.ts';
import { readWorkStats } from './jobs/queue/work-stats.ts';
import { openRemoteWork } from './jobs/remote/open-remote.ts';
import type { StoreRows } from './jobs/remote/worker-routes.ts';
import { Submissions } from './jobs/submission.ts';
import { OPERATIONS_BY_NAME } from './operations.ts';
import { Admission, type QueueStats } from './processes/admission.ts';
import { ProcessPool } from './processes/pool.ts';
import { removeFile } from './system/remove-file.ts';
import { openTemporaryFolder } from './system/temporary-folder.ts';
import { Inputs } from './work/inputs.ts';
import { LocalRunner } from './work/local-runner.ts';
import { Maker } from './work/make.ts';
import type { Outcome, Task } from './work/operation.ts';
import { stagedFiles } from './work/staged-files.ts';

/** Everything that the routes work with. `close` lets running work end, then closes everything in reverse order. */
export type Services = Awaited<ReturnType<typeof openServices>>;

/** The places for uploads that one client gets. An upload may take hours, so it does not get all of them, unless there is only one. */
function uploadShare(places: number): number {
  return Math.max(1, Math.floor(places * 0.75));
}

/** Opens one thing after the other; if one fails, those before it are closed. */
class Opened {
  readonly #closers: (() => Promise<unknown>)[] = [];

  add<T extends { close(): Promise<unknown> }>(thing: T): T {
    this.#closers.unshift(() => thing.close());
    return thing;
  }

  /** @throws the first failure, after everything has been closed as far as possible */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0)) await close().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}

/**
 * Opens something in a folder that a setting names.
 *
 * @throws ConfigError if the folder cannot be used
 */
async function inFolder<T>(
  folder: string,
  settings: string,
  open: (folder: string) => Promise<T>,
): Promise<T> {
  try {
    return await open(folder);
  } catch (error) {
    const cause = error instanceof AppError ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : cause;
    throw new ConfigError(`The folder ${folder} cannot be used: ${reason}. Choose another ${settings}.`);
  }
}

/** Opens everything that the routes work with. Without a DATABASE_URL, starts an embedded server; migrates the database. */
export async function openServices(config: Config, log: FastifyBaseLogger) {
  const opened = new Opened();
  try {
    return await open(config, log, opened);
  } catch (error) {
    // The first error is the reason.
    await opened.close().catch(() => undefined);
    throw error;
  }
}

async function open(config: Config, log: FastifyBaseLogger, opened: Opened) {
  const embedded =
    config.DATABASE_URL === undefined
      ? opened.add(await openSupervisedServer({ dataDir: config.DATA_DIR }, log))
      : undefined;
  const url = embedded?.url ?? config.DATABASE_URL ?? '';
  const database = opened.add(await openDatabase({ url, poolSize: config.DATABASE_POOL_SIZE, logger: log }));
  await checkDatabase(database.pool);
  const migrations = await readMigrations();
  await migrate(database.pool, migrations);
  await checkPrivileges(database.pool, migrations);
  const blobStore = new PostgresBlobStore(database.pool);
  const temporaryFolder = await inFolder(
    config.TEMP_IMAGE_DIR,
    'DATA_DIR or TEMP_IMAGE_DIR',
    openTemporaryFolder,
  );
  opened.add({ close: () => temporaryFolder.remove() });
  const documentFolder = await inFolder(
    config.TEMP_JSON_DIR,
    'DATA_DIR or TEMP_JSON_DIR',
    openTemporaryFolder,
  );
  opened.add({ close: () => documentFolder.remove() });
  const diskCache = opened.add(
    await inFolder(path.join(config.DATA_DIR, 'cache'), 'DATA_DIR', (root) =>
      openDiskCache({
        root,
        maxBytes: config.DISK_CACHE_BYTES,
        overflow: temporaryFolder,
        blobs: blobStore,
      }),
    ),
  );
  const memoryCache = createMemoryCache(config.MEMORY_CACHE_BYTES);
  const imageProcesses = opened.add(
    new ProcessPool<Task, Outcome>({
      mainModule: new URL('./image-worker.ts', import.meta.url),
      what: 'image operations',
      // libvips' warnings are in the errors that sharp throws.
      env: { VIPS_WARNING: '0' },
      concurrency: config.IMAGE_CONCURRENCY,
      queue: config.IMAGE_QUEUE,
      maxMemory: config.MAX_DECODE_BYTES,
      log,
    }),
  );
  const threads = opened.add(
    new IngestThreads({
      concurrency: config.CSV_CONCURRENCY,
      queue: config.CSV_QUEUE,
      maxPerClient: uploadShare(config.CSV_CONCURRENCY),
    }),
  );
  const blobs = new BlobRegistry(blobStore);
  const frameSets = new FrameSetStore(database, blobs);
  const images = new ImageStore(database, blobs, deleteDerivedFrom);
  const artifacts = new ArtifactStore(database, blobs);
  const auth = opened.add(await openAuth(database, config, log));
  const pictureAdmission = new Admission({
    what: 'pictures of frames',
    concurrency: config.FRAME_PICTURE_CONCURRENCY,
    queue: config.FRAME_PICTURE_QUEUE,
  });
  const uploadAdmission = new Admission({
    what: 'uploads',
    concurrency: config.UPLOAD_CONCURRENCY,
    queue: 0,
    maxPerClient: uploadShare(config.UPLOAD_CONCURRENCY),
  });
  /** The queues of work, by their names in metrics and readiness. */
  const queues: Record<string, () => QueueStats> = {
    images: () => imageProcesses.stats(),
    image_logs: () => threads.stats(),
    frame_pictures: () => pictureAdmission.stats(),
    uploads: () => uploadAdmission.stats(),
  };
  const metrics = createMetrics({
    // Somebody who guesses passwords can fill this queue, which must not make the service unready.
    queues: { ...queues, passwords: () => auth.hasher.stats() },
    imageProcessRestarts: () => imageProcesses.stats().restarts,
    caches: { disk: diskCache, memory: memoryCache },
    database: {
      connections: () => {
        const { totalCount, idleCount, waitingCount } = database.pool;
        return { active: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
      },
      tableBytes: () => readTableBytes(database),
    },
    jobs: {
      work: () => readWorkStats(database, config.JOB_EXPIRE_SECONDS),
      workers: () => jobs.stats(),
      expiredLeases: () => jobs.expiredLeases(),
      isQueueConnected: () => remote?.isConnected(),
    },
  });
  const frameSetInputs = new FrameSetInputs({ frameSets, pool: database.pool, temporaryFolder });
  const stored = new StoredInputs(images, artifacts, diskCache, log);
  const inputs = new Inputs({
    image: stored,
    artifact: stored,
    frame_set: frameSetInputs,
    staged_file: stagedFiles,
  });
  const runner = new LocalRunner({
    operations: OPERATIONS_BY_NAME,
    pool: imageProcesses,
    settings: config,
    observe: (operation, outcome, seconds) =>
      metrics.imageOperations.observe({ operation, outcome }, seconds),
  });
  const maker = new Maker({
    operations: OPERATIONS_BY_NAME,
    inputs,
    runner,
    artifacts,
    diskCache,
    documentFolder,
    cacheBytes: config.CACHE_BYTES,
    log,
  });
  const blobReader = new BlobReader(diskCache, memoryCache);
  const translateError = (error: unknown) => {
    const translated = toAppError(error);
    // Uploads and the embedded PostgreSQL may be on the same disk, and the client will try again.
    if (translated?.code === 'storage_unavailable') void diskCache.makeRoom();
    return translated;
  };
  const jobs = opened.add(
    openJobs({
      database,
      blobs,
      settings: config,
      forget: (sha256s) => blobReader.forget(sha256s),
      translate: translateError,
      observe: (outcome, { operation }, seconds) =>
        metrics.jobAttempts.observe({ operation, outcome }, seconds),
      log,
    }),
  );
  const posted = postedOperations(OPERATIONS_BY_NAME.values());
  // A place remains for requests that somebody waits for.
  const imagePlaces = Math.min(config.JOB_CONCURRENCY, Math.max(1, config.IMAGE_CONCURRENCY - 1));
  const remote =
    config.QUEUE_URL === undefined
      ? undefined
      : opened.add(
          openRemoteWork({
            queueUrl: config.QUEUE_URL,
            database,
            keys: auth.keys,
            signals: jobs.signals,
            queue: jobs.queue,
            maker,
            operations: OPERATIONS_BY_NAME,
            posted,
            readLogOptions: readReceivedOptions,
            newPath: () => documentFolder.newPath(),
            translate: translateError,
            settings: config,
            log,
          }),
        );
  jobs.work('images', {
    handle: artifactHandler(maker, posted),
    concurrency: remote === undefined ? imagePlaces : 0,
    abandonsAtStop: false,
  });
  const logUploads = {
    database,
    blobs,
    blobStore,
    temporaryFolder,
    threads,
    admission: uploadAdmission,
    settings: config,
  };
  jobs.work('image_logs', {
    handle: async (item, { signal, report }) => {
      const { owner, parameters, input } = item;
      if (input.type !== 'file') throw new Error('An image log is a file.');
      const stored = await readReceivedLog(owner, parameters, input, logUploads, {
        signal,
        report,
        succeed: (result, client) => jobs.queue.succeedWithFile(item, result, client),
      });
      return stored.isNew ? undefined : stored;
    },
    // A place remains for uploads that somebody waits for.
    concurrency:
      config.JOB_CONCURRENCY === 0 || remote !== undefined ? 0 : Math.max(1, config.CSV_CONCURRENCY - 1),
    abandonsAtStop: true,
  });
  const storeRemoteRows: StoreRows = async (item, frameSetId, frames) => {
    const { owner, parameters, input } = item;
    if (input.type !== 'file') throw new Error('An image log is a file.');
    return storeReceivedRows(owner, parameters, input, frameSetId, frames, logUploads, (stored, client) =>
      jobs.queue.succeedWithFile(item, stored, client),
    );
  };
  return {
    log,
    database,
    auth,
    ownedContent: new OwnedContent({
      database,
      blobs: blobReader,
      resources: [
        { table: 'jobs', delete: (owner, id) => jobs.store.deleteAnyway(owner, id) },
        { table: 'images', delete: (owner, id) => images.delete(owner, id) },
        { table: 'artifacts', delete: (owner, id) => artifacts.delete(owner, id) },
        { table: 'frame_sets', delete: (owner, id) => frameSets.delete(owner, id) },
      ],
    }),
    jobs,
    /** Set if jobs are left to workers. */
    workerServices: remote && {
      ...remote,
      workers: auth.workers,
      queue: jobs.queue,
      storeRows: storeRemoteRows,
      blobs: blobStore,
      leaseSeconds: config.JOB_LEASE_SECONDS,
    },
    submissions: new Submissions({
      operations: OPERATIONS_BY_NAME.values(),
      images,
      artifacts,
      maker,
      store: jobs.store,
      // If all jobs are left to other processes, their number of places is not known.
      places: Math.max(1, imagePlaces),
      maxItems: config.MAX_JOB_ITEMS,
    }),
    jobResults: {
      store: jobs.store,
      findFiles: (owner: OwnerId, ids: readonly string[]) => artifacts.files(owner, ids),
      // Not through the disk cache, from which a large job would evict all else.
      blobs: blobStore,
      operations: OPERATIONS_BY_NAME,
      newPath: () => documentFolder.newPath(),
      removeFile,
    },
    operations: OPERATIONS_BY_NAME,
    imageProcesses,
    inputs,
    runner,
    images,
    artifacts,
    maker,
    diskCache,
    documentFolder,
    blobs: blobReader,
    uploads: {
      images,
      maker,
      admission: uploadAdmission,
      temporaryFolder,
      diskCache,
      settings: config,
    },
    frameSets,
    framePictures: new FramePictures({
      maker,
      inputs: frameSetInputs,
      admission: pictureAdmission,
      settings: config,
    }),
    blobStore,
    logUploads,
    metrics,
    areUploadsCrowded: () =>
      [threads.stats(), uploadAdmission.stats()].some(({ waiting, hasRoom }) => waiting > 0 || !hasRoom),
    health: {
      isDatabaseReachable: () => database.isReachable(),
      isDatabaseLost: () => embedded?.isLost() ?? false,
      queues,
    },
    translateError,
    close: () => opened.close(),
  };
}
