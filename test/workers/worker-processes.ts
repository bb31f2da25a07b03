import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { eventually, type ServerProcess, spawnServer } from '../safety/processes.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { Teardown } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';

export type WorkerProcess = Omit<ServerProcess, 'port' | 'startMs'>;

/** An API that leaves jobs to workers, and workers. */
export interface WorkerFleet {
  app: TestApp;
  /** Where the API listens. */
  apiUrl: string;
  /** The credential of its workers, and the id of that. */
  credential: string;
  credentialId: string;
  /** Starts a worker, and gives it back at once. */
  start(settings?: Record<string, string>, imports?: readonly string[]): WorkerProcess;
}

/** A secret for a process of a test. */
export const makeSecret = () => randomBytes(32).toString('base64');

/** Until a worker is ready. */
export async function isReady({ output }: WorkerProcess): Promise<void> {
  if (!(await eventually(() => output().includes('the worker is ready'), 60_000))) throw new Error(output());
}

/** Leases of two seconds, and two places for each worker. */
export async function openWorkers(
  t: Teardown,
  queueUrl: string,
  settings: Record<string, string> = {},
): Promise<WorkerFleet> {
  const app = await createTestApp(t, {
    JOB_LEASE_SECONDS: '2',
    QUEUE_URL: queueUrl,
    SECRET: makeSecret(),
    IMAGE_CONCURRENCY: '1',
    ...settings,
  });
  const apiUrl = await app.app.listen({ host: '127.0.0.1', port: 0 });
  const { key: credential, worker } = await app.services.auth.workers.create('worker of a test');
  const folder = await makeReachableFolder(t);
  return {
    app,
    apiUrl,
    credential,
    credentialId: worker.id,
    start: (more = {}, imports = []) =>
      spawnServer(
        t,
        {
          API_URL: apiUrl,
          WORKER_CREDENTIAL: credential,
          QUEUE_URL: queueUrl,
          WORKER_CONCURRENCY: '2',
          PORT: '0',
          DATA_DIR: path.join(folder, 'worker'),
          ...more,
        },
        [process.execPath, ...imports.flatMap((file) => ['--import', file]), 'src/worker.ts'],
      ),
  };
}
