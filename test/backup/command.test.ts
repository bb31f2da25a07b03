import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import { BackupFolder } from '../../src/backup/folder.ts';
import { createProgress, formatBytes } from '../../src/backup/progress.ts';
import { prune } from '../../src/backup/prune.ts';
import { checkFiles } from '../../src/backup/verify.ts';
import { MIGRATION_LOCK } from '../../src/db/migrate.ts';
import { newPicture } from '../safety/listening.ts';
import { eventually } from '../safety/processes.ts';
import { createTestApp } from '../support/app.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts';
import { withSmallDisk } from '../support/small-disk.ts';
import {
  backUpTo,
  filesOf,
  fill,
  makeBackupFolder,
  QUIET,
  readEverything,
  restoreTo,
  runCommand,
  startCommand,
  tablesOf,
} from './support.ts';

t.test('a wrong command line ends with its usage and exit code 2', async (t) => {
  const calls = [
    [],
    ['nonsense', 'folder'],
    ['backup'],
    ['backup', ''],
    ['backup', 'a', 'b'],
    ['backup', 'a', '--unknown'],
    ['backup', 'a', '--keep', '0'],
    ['backup', 'a', '--backup', 'b'],
    ['restore', 'a', '--keep', '1'],
  ];
  for (const { call, status, stdout, stderr } of await Promise.all(
    calls.map(async (call) => ({ call, ...(await runCommand(t, call)) })),
  )) {
    t.equal(status, 2, call.join(' '));
    t.equal(stdout, '');
    t.match(stderr, /npm run restore -- FOLDER/);
    t.notMatch(stderr, /^\s+at /m);
  }
});

t.test('failures are one sentence and exit code 1', async (t) => {
  const folder = await makeBackupFolder(t);
  const cases: [string, string[], Record<string, string>, RegExp][] = [
    [
      'no data folder',
      ['backup', folder.root],
      { DATA_DIR: '/tmp/coreframe-none' },
      /no database in \/tmp\/coreframe-none/,
    ],
    [
      'no database',
      ['backup', folder.root],
      { DATABASE_URL: 'postgresql://127.0.0.1:1/x' },
      /127\.0\.0\.1:1 cannot be used/,
    ],
    ['a bad setting', ['backup', folder.root], { PORT: 'x' }, /PORT/],
    ['no backup', ['restore', folder.root], {}, /There is no backup in/],
    ['no backup to verify', ['verify', folder.root], {}, /There is no backup in/],
    [
      'a folder that cannot be',
      ['backup', '/dev/null/x'],
      { DATABASE_URL: (await createTestDatabase(t)).url },
      /EEXIST/,
    ],
  ];
  for (const [what, args, settings, says] of cases) {
    const { status, stderr } = await runCommand(t, args, settings);
    t.equal(status, 1, what);
    t.match(stderr, says, what);
    t.notMatch(stderr, /^\s+at /m, what);
  }
  t.notOk(existsSync('/tmp/coreframe-none'), 'a backup creates no database');
});

t.test('two backups into one folder at once: one is refused', async (t) => {
  const { url } = await createTestDatabase(t);
  const folder = await makeBackupFolder(t);
  await mkdir(folder.root);
  const lock = folder.lock('exclusive');
  for (const command of ['backup', 'restore', 'verify']) {
    const { status, stderr } = await runCommand(t, [command, folder.root], { DATABASE_URL: url });
    t.equal(status, 1);
    t.match(stderr, /Another backup.*is using/);
  }
  lock.release();
  const readers = [folder.lock('shared'), folder.lock('shared')];
  t.throws(() => folder.lock('exclusive'), /Another backup/);
  for (const reader of readers) reader.release();
});

t.test('a backup that is killed or interrupted is not a backup, and its rest is removed', async (t) => {
  const { url } = await createTestDatabase(t);
  const folder = await makeBackupFolder(t);
  const blocker = new pg.Client({ connectionString: url });
  await blocker.connect();
  t.teardown(() => blocker.end());
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const) {
    // The copy of the table waits for this lock, so that the signal arrives in its middle.
    await blocker.query('BEGIN; LOCK TABLE users');
    const { child, result } = startCommand(t, ['backup', folder.root], { DATABASE_URL: url });
    const hasBegun = async () =>
      (await filesOf(folder).catch(() => [])).some((file) => file.includes('.partial'));
    t.ok(await eventually(hasBegun, 30_000));
    child.kill(signal);
    const { status, stderr } = await result;
    t.equal(status, signal === 'SIGKILL' ? 'SIGKILL' : 1);
    if (signal !== 'SIGKILL') {
      t.equal(stderr, 'Interrupted.\n');
      t.same(await readdir(folder.backups), []);
    }
    await blocker.query('ROLLBACK');
    t.same(await folder.list(), [], signal);
  }
  t.equal((await readdir(folder.backups)).length, 1, 'what SIGKILL has left');
  await backUpTo(folder, url);
  t.same(await readdir(folder.backups), await folder.list());
});

t.test('a restore that is interrupted leaves the database empty', async (t) => {
  const folder = await makeBackupFolder(t);
  await backUpTo(folder, (await createTestDatabase(t)).url);
  const { url } = await createEmptyDatabase(t);
  const blocker = new pg.Client({ connectionString: url });
  await blocker.connect();
  t.teardown(() => blocker.end());
  await blocker.query(`BEGIN; SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
  const { child, result } = startCommand(t, ['restore', folder.root], { DATABASE_URL: url });
  const isWaiting = async () =>
    (await blocker.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).rowCount !== 0;
  t.ok(await eventually(isWaiting, 30_000));
  child.kill('SIGTERM');
  t.equal((await result).status, 1);
  t.same(await tablesOf(url), []);
});

t.test('a full disk ends the backup with a clear sentence and without a backup', async (t) => {
  const app = await createTestApp(t);
  await fill(app);
  const url = app.config.DATABASE_URL ?? '';
  // Room for some of the files; the big picture alone has 1.5 MB.
  const isMounted = await withSmallDisk('size=900k', async (disk) => {
    const { status, stderr } = await runCommand(t, ['backup', disk], { DATABASE_URL: url });
    t.equal(status, 1);
    t.match(stderr, /^The disk of the backup is full .*ENOSPC.*\n$/);
    t.same(await readdir(path.join(disk, 'backups')), []);
    const { backups } = await checkFiles(new BackupFolder(disk), QUIET);
    t.equal(backups, 0, 'and every blob that was written is whole');
  });
  if (!isMounted)
    t.pass('no small disk can be mounted here', { skip: 'needs the privilege to mount a file system' });
});

t.test('--keep removes old backups, and the blobs that no other backup has', async (t) => {
  const app = await createTestApp(t);
  const url = app.config.DATABASE_URL ?? '';
  const folder = await makeBackupFolder(t);
  const ids: string[] = [];
  const states: Record<string, unknown>[] = [];
  for (let round = 0; round < 4; round += 1) {
    const answer = await app.upload({ bytes: await newPicture() }, { bytes: await newPicture() });
    ids.push(...answer.json().results.map(({ image }: { image: { id: string } }) => image.id));
    if (round > 0) await app.app.inject({ method: 'DELETE', url: `/images/${ids[round - 1]}` });
    await backUpTo(folder, url);
    states.push(await readEverything(url));
  }
  const names = await folder.list();
  const stray = path.join(folder.blobs, 'notes.txt');
  await writeFile(stray, 'not a blob');
  t.same(await prune(folder, 4, QUIET), { backups: 0, blobs: 0 });
  t.same(await prune(folder, 2, QUIET), { backups: 2, blobs: 2 });
  t.same(await folder.list(), names.slice(2));
  t.equal(await readFile(stray, 'utf8'), 'not a blob');
  await checkFiles(folder, QUIET);
  for (const round of [2, 3]) {
    const empty = await createEmptyDatabase(t);
    await restoreTo(folder, empty.url, names[round]);
    t.same(await readEverything(empty.url), states[round]);
  }
  const { status, stdout } = await runCommand(t, ['backup', folder.root, '--keep', '1'], {
    DATABASE_URL: url,
  });
  t.equal(status, 0);
  t.match(stdout, /removed 2 old backups and \d blobs?\. This took/);
  t.equal((await folder.list()).length, 1);
  await writeFile(path.join(folder.pathOf((await folder.list())[0] ?? ''), 'blobs.copy'), 'damaged');
  const before = await filesOf(folder);
  await t.rejects(prune(folder, 1, QUIET), /blobs\.copy is damaged/);
  t.same(await filesOf(folder), before, 'a damaged list removes nothing');
});

t.test('a migration waits for a backup, but a start without one does not', async (t) => {
  const { url, open } = await createTestDatabase(t);
  const folder = await makeBackupFolder(t);
  const { pool } = await open();
  const blocker = await pool.connect();
  await blocker.query('BEGIN; LOCK TABLE frames');
  const { result } = startCommand(t, ['backup', folder.root], { DATABASE_URL: url });
  const isHeld = async () =>
    (await pool.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted")).rowCount !== 0;
  t.ok(await eventually(isHeld, 30_000));
  // The whole service starts meanwhile.
  await createTestApp(t, { DATABASE_URL: url });
  await blocker.query('ROLLBACK');
  blocker.release();
  t.equal((await result).status, 0);
});

t.test('verify without a usable temporary folder names the other ways', async (t) => {
  const folder = await makeBackupFolder(t);
  await backUpTo(folder, (await createTestDatabase(t)).url);
  // A device is not a folder; no user can create one below it.
  const { status, stderr } = await runCommand(t, ['verify', folder.root], { TMPDIR: '/dev/null' });
  t.equal(status, 1);
  t.match(stderr, /^The temporary folder \/dev\/null cannot be used.*TMPDIR.*--quick.*\n$/);
});

t.test('progress is one line on a terminal, and nothing elsewhere', async (t) => {
  let output = '';
  const write = (text: string) => {
    output += text;
  };
  const stop = new AbortController();
  const progress = createProgress({ isTTY: true, write }, stop.signal);
  progress.step('Table frames');
  await sleep(250);
  progress.add(1_234_567);
  progress.clear();
  t.equal(output, '\r\x1b[KTable frames\r\x1b[KTable frames: 1.2 MB\r\x1b[K');
  output = '';
  const quiet = createProgress({ write }, stop.signal);
  quiet.step('Blobs');
  quiet.add(1);
  quiet.clear();
  t.equal(output, '');
  stop.abort(new Error('Interrupted'));
  t.throws(() => progress.add(1), /Interrupted/);
  t.throws(() => progress.step('x'), /Interrupted/);
  t.same([0, 999, 1000, 12_345_678, 5e15].map(formatBytes), [
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '12.3 MB',
    '5000.0 TB',
  ]);
});
