import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { ROOT } from '../backup/support.ts';
import { newPicture, uploadOver } from '../safety/listening.ts';
import { eventually, spawnServer, startServer } from '../safety/processes.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';

/** What the next version might add: docs/upgrade.md states the rule. */
const NEXT_MIGRATION = `
  ALTER TABLE "images" ADD COLUMN "rating" INTEGER, ADD COLUMN "label" TEXT NOT NULL DEFAULT '';
  CREATE TABLE "reviews" ("id" UUID PRIMARY KEY, "image_id" UUID NOT NULL REFERENCES "images"("id") ON DELETE CASCADE);
  CREATE INDEX "images_label_idx" ON "images"("label");`;

/** A copy of this version with one more migration, as the next version would have. */
async function makeNextVersion(t: Test): Promise<string> {
  const folder = await makeReachableFolder(t);
  for (const name of ['src', 'prisma', 'examples', 'package.json'])
    await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  const migration = path.join(folder, 'prisma/migrations/9000_next');
  await mkdir(migration);
  await writeFile(path.join(migration, 'migration.sql'), NEXT_MIGRATION);
  return folder;
}

/** Starts the server of another folder; it is killed with the test. */
async function startIn(t: Test, folder: string, settings: Record<string, string>) {
  const child = spawn(process.execPath, ['src/server.ts'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const port = () => Number(/docs at http:\/\/[^:]+:(\d+)\/docs/.exec(output)?.[1] ?? 0);
  if (!(await eventually(() => port() !== 0, 60_000))) throw new Error(`It has not started: ${output}`);
  return { child, port: port(), ended };
}

/** Uploads, reads, derives, renames and deletes; every answer that is not a success is remembered. */
async function useOnce(port: number, failures: string[]): Promise<string> {
  const url = `http://127.0.0.1:${port}`;
  const expectSuccess = async (what: string, request: Promise<Response>) => {
    const response = await request;
    const body = await response.text();
    if (!response.ok) failures.push(`${what}: ${response.status} ${body.slice(0, 300)}`);
  };
  const uploads = [await uploadOver(port, await newPicture()), await uploadOver(port, await newPicture())];
  const ids = uploads.map(({ status, body }) => {
    if (status !== 201) failures.push(`upload: ${status} ${body}`);
    return JSON.parse(body.toString()).results[0].image.id as string;
  });
  const json = { 'content-type': 'application/json' };
  const [kept = '', removed = ''] = ids;
  await expectSuccess('content', fetch(`${url}/images/${kept}/content`));
  await expectSuccess('list', fetch(`${url}/images?limit=5`));
  await expectSuccess(
    'resize',
    fetch(`${url}/images/${kept}/resize`, { method: 'POST', headers: json, body: '{"width":9}' }),
  );
  await expectSuccess(
    'rename',
    fetch(`${url}/images/${kept}`, { method: 'PATCH', headers: json, body: '{"filename":"new.png"}' }),
  );
  await expectSuccess('delete', fetch(`${url}/images/${removed}`, { method: 'DELETE' }));
  return kept;
}

t.test('the next version migrates and serves beside this one, which fails no request', async (t) => {
  const database = await createTestDatabase(t);
  const settings = async () => ({ DATABASE_URL: database.url, DATA_DIR: await makeReachableFolder(t) });
  const next = await makeNextVersion(t);
  const old = await startServer(t, await settings());

  const failures: string[] = [];
  const kept: string[] = [];
  let isRunning = true;
  const load = async () => {
    while (isRunning) kept.push(await useOnce(old.port, failures));
  };
  const loads = [load(), load()];
  await eventually(() => kept.length > 4, 30_000);
  const beforeStart = kept.length;
  const started = await startIn(t, next, await settings());
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  t.teardown(() => client.end());
  t.same((await client.query("SELECT to_regclass('reviews') IS NOT NULL AS exists")).rows, [
    { exists: true },
  ]);
  const beforeBoth = kept.length;
  t.ok(
    beforeBoth > beforeStart,
    `${beforeBoth - beforeStart} rounds while the next version started and migrated`,
  );
  for (let round = 0; round < 5; round += 1) kept.push(await useOnce(started.port, failures));
  isRunning = false;
  await Promise.all(loads);
  t.same(failures, []);

  for (const port of [old.port, started.port]) {
    const statuses = await Promise.all(
      kept.map(async (id) => (await fetch(`http://127.0.0.1:${port}/images/${id}/content`)).status),
    );
    t.same(new Set(statuses), new Set([200]), 'each sees what the other has stored');
  }
  old.child.kill('SIGTERM');
  t.equal(await old.ended, 0);
  kept.push(await useOnce(started.port, failures));
  t.same(failures, []);

  const again = spawnServer(t, await settings());
  t.equal(await again.ended, 1);
  t.match(
    again.output(),
    /9000_next, which this version of Coreframe does not know/,
    'the old version does not start again',
  );
});
