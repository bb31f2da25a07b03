import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { glob, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import type { Test } from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { backUp } from '../../src/backup/backup.ts';
import { BackupFolder } from '../../src/backup/folder.ts';
import type { Progress } from '../../src/backup/progress.ts';
import { restore } from '../../src/backup/restore.ts';
import { type Lane, LOG_UPLOAD } from '../../src/jobs/queue/job.ts';
import { writeLog } from '../frames/app.ts';
import { ended, resizeJob } from '../jobs/support.ts';
import { noise } from '../safety/operations.ts';
import { multipartBody, type TestApp } from '../support/app.ts';
import { makeReachableFolder } from '../support/folders.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');

export const QUIET: Progress = { step: () => undefined, add: () => undefined };

/** An empty folder for backups, which is removed with the test. */
export async function makeBackupFolder(t: Test): Promise<BackupFolder> {
  return new BackupFolder(path.join(await makeReachableFolder(t), 'backups here'));
}

/** Options for calls within the test's process. */
export function optionsFor(url: string) {
  return {
    url,
    version: '0.0.0-test',
    progress: QUIET,
    signal: new AbortController().signal,
    warn: () => undefined,
  };
}

export const backUpTo = (folder: BackupFolder, url: string) => backUp(folder, optionsFor(url));

export async function restoreTo(folder: BackupFolder, url: string, name?: string) {
  return restore(folder, await folder.choose(name), optionsFor(url));
}

export interface CommandResult {
  /** Its exit code, or the signal that ended it. */
  status: number | string;
  stdout: string;
  stderr: string;
}

/** Starts `npm run backup`, `restore` or `verify` without npm. It is killed with the test. */
export function startCommand(t: Test, args: readonly string[], settings: Record<string, string> = {}) {
  const { DATABASE_URL: _url, DATA_DIR: _dir, ...env } = process.env;
  const child = spawn(process.execPath, ['src/backup-command.ts', ...args], {
    cwd: ROOT,
    env: { ...env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const result = once(child, 'close').then(
    ([code, signal]): CommandResult => ({ status: code ?? signal, ...output }),
  );
  t.teardown(async () => {
    child.kill('SIGKILL');
    await result;
  });
  return { child, output, result };
}

export function runCommand(t: Test, args: readonly string[], settings: Record<string, string> = {}) {
  return startCommand(t, args, settings).result;
}

/** Tables whose rows a restore does not bring back. */
const NOT_RESTORED: readonly string[] = ['sessions', 'log_in_attempts'];

/** Stores at least one row of every kind: images of one and of several chunks, artifacts with documents, frames, jobs, a user with keys. */
export async function fill(testApp: TestApp): Promise<void> {
  const { app, upload, send } = testApp;
  await addUser(testApp);
  const answer = await upload(
    { bytes: await noise(60, 40), filename: 'small.jpg' },
    { bytes: await noise(2200, 1500), filename: "lárge 'quoted'.jpg" },
  );
  const [small, large] = answer.json().results.map(({ image }: { image: { id: string } }) => image.id);
  const resized = await send('POST', `/images/${large}/resize`, { width: 300 });
  await send('POST', `/artifacts/${resized.json().id}/resize`, { width: 30 });
  await send('POST', `/images/${small}/segmentation`, { method: 'otsu' });
  await app.inject(`/images/${small}/histogram/plot`);
  await uploadLog(app, 'well', 300);
  await addJobs(testApp, [small, large]);
  await testApp.services.auth.workers.create('worker');
  await testApp.services.database.pool.query(
    `INSERT INTO work_permits (id, lane, sent_at) VALUES ($1, 'images', now())`,
    [randomUUID()],
  );
}

/** Adds a job that is partly done, and one that waits with the file of an image log for workers that there are not. */
async function addJobs({ services }: TestApp, images: readonly string[]): Promise<void> {
  const { jobs, database, logUploads } = services;
  const { job } = await jobs.store.create(LOCAL_OWNER, resizeJob([...images, randomUUID()]));
  const { state } = await ended(services, job.id);
  if (state !== 'partly_failed') throw new Error(`The job is ${state}.`);
  // The service does the same within seconds.
  await database.pool.query('DELETE FROM job_turns');
  const log = Buffer.from(writeLog(5, 24, (row) => row));
  const file = logUploads.temporaryFolder.newPath();
  await writeFile(file, log);
  const sha256 = createHash('sha256').update(log).digest();
  const inputs = { type: 'file', path: file, sha256, size: log.length, mediaType: 'text/csv' } as const;
  const lane = 'nowhere' as Lane;
  await jobs.store.create(LOCAL_OWNER, resizeJob([], { lane, operation: LOG_UPLOAD, inputs }));
}

/** Creates a user, who has a session, an API key and one that this key has made. */
async function addUser({ send, services }: TestApp): Promise<void> {
  const user = { email: 'ada@example.org', password: 'quiet-harbour-lamp-1873', storage_quota_bytes: 1e12 };
  const created = await send('POST', '/users', user);
  if (created.statusCode !== 201) throw new Error(created.body);
  const { accounts, apiKeys } = services.auth;
  const claim = { email: user.email, password: user.password, address: '192.0.2.1' };
  await accounts.logIn
    .verify({ ...claim, password: 'wrong' }, new AbortController().signal)
    .catch(() => undefined);
  const account = await accounts.logIn.verify(claim, new AbortController().signal);
  await accounts.sessions.create(account, ['images:read'], 'test');
  const key = { name: 'key', scopes: ['images:read'] as const, expiresAt: null };
  const { apiKey } = await apiKeys.create({ userId: account.id, keyId: null }, key);
  await apiKeys.create({ userId: account.id, keyId: apiKey.id }, key);
}

/** Uploads an image log, some of whose pixels are missing, and gives the id of its frame set. */
export async function uploadLog(app: TestApp['app'], name: string, rows: number): Promise<string> {
  const log = writeLog(rows, 24, (row, column) => (row > 9 && column === 3 ? '' : (row * 7 + column) % 256));
  const file = { bytes: Buffer.from(log), filename: `${name}.csv`, field: 'file', type: 'text/csv' };
  const { body, headers } = multipartBody([file]);
  const answer = await app.inject({ method: 'POST', url: '/upload', payload: body, headers });
  if (answer.statusCode >= 300) throw new Error(answer.body);
  return answer.json().id;
}

/**
 * All that a database holds and a restore brings back, read by plain SQL: the rows of each table as a count and a hash, its
 * sequences, and what its catalog says of tables, constraints, indexes and triggers.
 */
export async function readEverything(url: string): Promise<Record<string, unknown>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
    );
    const found: Record<string, unknown> = {};
    for (const { name } of tables) {
      if (NOT_RESTORED.includes(name)) continue;
      // Times of migrations are those of the restore.
      const row = name === '_prisma_migrations' ? '(t.migration_name, t.checksum)' : 't';
      const { rows } = await client.query(
        `SELECT count(*)::int AS rows, md5(string_agg(${row}::text, E'\\n' ORDER BY ${row}::text)) AS hash FROM "${name}" t`,
      );
      found[name] = rows[0];
    }
    const catalog = {
      sequences: 'SELECT sequencename, last_value FROM pg_sequences ORDER BY 1',
      columns: `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY 1, 2`,
      constraints: `SELECT conrelid::regclass::text AS "table", conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2`,
      indexes: "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
      triggers: `SELECT tgrelid::regclass::text AS "table", tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal ORDER BY 1, 2`,
    };
    for (const [part, query] of Object.entries(catalog)) found[part] = (await client.query(query)).rows;
    return found;
  } finally {
    await client.end();
  }
}

/** The tables of a database; none if it is empty. */
export async function tablesOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

/** All files of a folder with backups, without the empty lock. */
export async function filesOf(folder: BackupFolder): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of glob('**/*', { cwd: folder.root, withFileTypes: true })) {
    if (entry.isFile() && entry.name !== 'backup.lock') files.push(path.join(entry.parentPath, entry.name));
  }
  return files.sort();
}

/** Runs `work` while one bit of a file is flipped. */
export async function withFlippedBit(file: string, bit: number, work: () => Promise<void>): Promise<void> {
  const original = await readFile(file);
  const damaged = Buffer.from(original);
  const index = Math.floor(bit / 8) % damaged.length;
  damaged[index] = (damaged[index] ?? 0) ^ (1 << (bit % 8));
  await writeFile(file, damaged);
  try {
    await work();
  } finally {
    await writeFile(file, original);
  }
}
