import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Test } from 'tap';
import { eventually, type ServerProcess, spawnServer } from '../safety/processes.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import type { Faults } from './faults.ts';

/** API processes that work on the jobs of one database. */
export interface Fleet {
  /** The test's own part of it: it works on no items, but gives leases back like the others. */
  app: TestApp;
  /** Starts another process, which may begin to work, and die, before it listens. */
  start(settings?: Record<string, string>): Omit<ServerProcess, 'port' | 'startMs'>;
  /** Has the processes fail from now on in these ways; only those that were started with `isFaulty`. */
  inject(faults: Faults): Promise<void>;
}

/** Until a process listens. */
export async function listens({ output }: Pick<ServerProcess, 'output'>): Promise<void> {
  if (!(await eventually(() => output().includes('is ready'), 60_000))) throw new Error(output());
}

/**
 * Processes with two places for items each, and leases of two seconds.
 *
 * @param isFaulty whether they can be made to fail
 */
export async function openFleet(t: Test, { isFaulty = false } = {}): Promise<Fleet> {
  const { url } = await createTestDatabase(t);
  const folder = await makeReachableFolder(t);
  const faultsFile = path.join(folder, 'faults.json');
  const settings = { DATABASE_URL: url, JOB_LEASE_SECONDS: '2' };
  const imports = isFaulty ? ['--import', path.join(import.meta.dirname, 'faults.ts')] : [];
  const inject = (faults: Faults) => writeFile(faultsFile, JSON.stringify(faults));
  await inject({});
  return {
    app: await createTestApp(t, { ...settings, JOB_CONCURRENCY: '0', IMAGE_CONCURRENCY: '1' }),
    inject,
    start: (more = {}) =>
      spawnServer(
        t,
        {
          ...settings,
          DATA_DIR: folder,
          IMAGE_CONCURRENCY: '3',
          JOB_CONCURRENCY: '2',
          FAULTS_FILE: faultsFile,
          // They are started often.
          NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
          ...more,
        },
        [process.execPath, ...imports, 'src/server.ts'],
      ),
  };
}
