import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import t, { type Test } from 'tap';
import { openSupervisedServer, type SupervisedServer } from '../../../src/db/embedded/supervisor.ts';
import { eventually } from '../../safety/processes.ts';
import { makeReachableFolder } from '../../support/folders.ts';

const WITHIN_MS = 30_000;

async function count(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return Number((await client.query('SELECT count(*) FROM kept')).rows[0].count);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function open(t: Test): Promise<{ server: SupervisedServer; dataDir: string; messages: string[] }> {
  const dataDir = await makeReachableFolder(t);
  const messages: string[] = [];
  const note = (_fields: object, message: string) => messages.push(message);
  const server = await openSupervisedServer({ dataDir }, { warn: note, info: note });
  t.teardown(() => server.close());
  await execute(server.url, 'CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)');
  return { server, dataDir, messages };
}

const pidFileOf = (dataDir: string) => path.join(dataDir, 'postgres/data/postmaster.pid');
const pidOf = (dataDir: string): number => Number(readFileSync(pidFileOf(dataDir), 'utf8').split('\n')[0]);

t.test('a server that was killed or stopped is started again on the same address', async (t) => {
  const { server, dataDir, messages } = await open(t);
  // An immediate shutdown, a fast one, a smart one, and a crash.
  for (const [index, signal] of (['SIGQUIT', 'SIGINT', 'SIGTERM', 'SIGKILL'] as const).entries()) {
    const pid = pidOf(dataDir);
    process.kill(pid, signal);
    const isBack = () =>
      count(server.url).then(
        (rows) => rows === 1 && pidOf(dataDir) !== pid,
        () => false,
      );
    t.ok(await eventually(isBack, WITHIN_MS), signal);
    const restarts = () => messages.filter((message) => message.includes('running again')).length;
    t.ok(await eventually(() => restarts() === index + 1));
  }
  t.equal(server.isLost(), false);
});

t.test('attempts go on until the server can be started, and closing ends them', async (t) => {
  const { server, dataDir, messages } = await open(t);
  const control = path.join(dataDir, 'postgres/data/global/pg_control');
  renameSync(control, `${control}.away`);
  process.kill(pidOf(dataDir), 'SIGKILL');
  t.ok(
    await eventually(
      () => messages.some((message) => message.includes('cannot be started again')),
      WITHIN_MS,
    ),
  );
  await sleep(1000);
  await t.rejects(count(server.url));
  renameSync(`${control}.away`, control);
  t.ok(
    await eventually(
      () =>
        count(server.url).then(
          (rows) => rows === 1,
          () => false,
        ),
      WITHIN_MS,
    ),
  );

  renameSync(control, `${control}.away`);
  process.kill(pidOf(dataDir), 'SIGKILL');
  t.ok(
    await eventually(
      () => messages.filter((message) => message.includes('cannot be started again')).length > 1,
      WITHIN_MS,
    ),
  );
  await server.close();
  renameSync(`${control}.away`, control);
  await sleep(500);
  await t.rejects(count(server.url), 'it is not started after that');
});

t.test('an empty postmaster.pid, which a full disk leaves, is removed', async (t) => {
  const { server, dataDir } = await open(t);
  await server.close();
  writeFileSync(pidFileOf(dataDir), '');
  const again = await openSupervisedServer({ dataDir }, { warn() {}, info() {} });
  t.equal(await count(again.url), 1);
  await again.close();
});
