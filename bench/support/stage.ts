import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { openEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { startWorker, type Worker } from './child.ts';
import type { Load, LoadResult } from './load.ts';
import { startPython } from './python.ts';
import { type BenchServer, startServer } from './server.ts';
import type { Transfer, TransferResult } from './transfer-process.ts';

export type LoadClient = Worker<Load, LoadResult>;
export type TransferClient = Worker<Transfer, TransferResult>;

/** What one benchmark starts. Everything is stopped when it ends, last started first. */
export class Stage {
  /** New and empty, on the disk of the system's temporary folder. */
  readonly folder: string;
  readonly #closers: (() => Promise<unknown>)[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts the server with its data in the folder. */
  async startServer(env: NodeJS.ProcessEnv = {}): Promise<BenchServer> {
    return this.#add(await startServer(this.folder, env));
  }

  /**
   * Puts the folder on a file system of its own. It needs the privilege to mount.
   *
   * @param options of tmpfs, for example `size=500m`
   */
  limitDisk(options: string): void {
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', this.folder]);
    if (status !== 0) throw new Error(`A file system could not be mounted: ${stderr}`);
    this.#closers.push(async () => spawnSync('umount', ['-l', this.folder]));
  }

  async startWorker<Request extends object, Result>(module: URL): Promise<Worker<Request, Result>> {
    return this.#add(await startWorker<Request, Result>(module));
  }

  async startPython<Request extends object, Result>(script: URL): Promise<Worker<Request, Result>> {
    return this.#add(await startPython<Request, Result>(script));
  }

  /** Starts a client that sends many requests. */
  startLoadClient(): Promise<LoadClient> {
    return this.startWorker(new URL('load-process.ts', import.meta.url));
  }

  /** Starts a client that uploads and downloads. */
  startTransferClient(): Promise<TransferClient> {
    return this.startWorker(new URL('transfer-process.ts', import.meta.url));
  }

  /** Starts a PostgreSQL server that does not belong to the API process, and connects to it. */
  async openDatabase(): Promise<{ url: string; admin: pg.Client }> {
    const database = await openEmbeddedServer({ dataDir: this.folder });
    this.#closers.push(() => database.close());
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    this.#closers.push(() => admin.end());
    return { url: database.url, admin };
  }

  /** Has something done at the end, before what was started earlier is stopped. */
  teardown(work: () => Promise<unknown>): void {
    this.#closers.push(work);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #add<T extends { stop(): Promise<void> }>(started: T): T {
    this.#closers.push(() => started.stop());
    return started;
  }
}

/** Runs `work` on a new stage and stops everything that it started. */
export async function onStage<T>(work: (stage: Stage) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-bench-'));
  // PostgreSQL may run as another user.
  await chmod(folder, 0o755);
  const stage = new Stage(folder);
  try {
    return await work(stage);
  } finally {
    await stage.close();
  }
}
